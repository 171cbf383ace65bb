//! Which file may name what, by the file's name: SQL in `store*.rs`, HTTP in `http*.rs`, configuration in the server.

use super::layers::SLICES;
use super::{Finding, Workspace, crate_of};
use crate::source::{At, Source};

pub(super) fn check(workspace: &Workspace<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in workspace.shipped() {
        let place = Place::of(path);
        if place.krate == "xtask" {
            continue;
        }
        for found in source.paths.iter().filter(|found| !found.test) {
            findings.extend(place.refuses(&found.what).map(|message| Finding::error(path, found.line, message)));
        }
        findings.extend(sql(&place, source).map(|found| {
            let start: String = found.what.trim().chars().take(40).collect();
            Finding::error(path, found.line, format!("SQL belongs in store*.rs or system.rs: \"{start}…\""))
        }));
    }
    // One line that names a thing twice is one finding.
    findings.dedup();
    findings
}

/// What a path says about a file.
struct Place<'a> {
    krate: &'a str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Store,
    Http,
    Service,
    Model,
    Build,
    Other,
}

impl<'a> Place<'a> {
    fn of(path: &'a str) -> Self {
        // A folder may stand for the file of its name: store/search.rs is a part of store.
        let mut parts = path.split('/').skip_while(|part| *part != "src").skip(1);
        // A folder whose name only begins like that is a thing of the domain: service_accounts.
        let named = |part: &str| match part.strip_suffix(".rs") {
            Some(file) => Kind::named(file),
            None => Kind::exactly(part),
        };
        let kind = if path.ends_with("/build.rs") { Kind::Build } else { parts.find_map(named).unwrap_or(Kind::Other) };
        Self { krate: crate_of(path), kind }
    }

    fn is_slice(&self) -> bool {
        SLICES.contains(&self.krate)
    }

    fn refuses(&self, path: &[String]) -> Option<String> {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let first = *names.first()?;
        match names.as_slice() {
            ["std", "env", rest @ ..] => self.environment(rest),
            ["sea_orm" | "sqlx" | "sea_query", ..] | ["rhiza_store", "sea_orm", ..] => {
                (!self.may_sql()).then(|| format!("{first} is for store*.rs and system.rs: call a function there"))
            }
            ["axum" | "axum_extra" | "utoipa_axum", ..] => {
                (!self.may_http()).then(|| format!("{first} is for http*.rs: keep HTTP out of the rest"))
            }
            _ => self.neighbours(first),
        }
    }

    fn environment(&self, rest: &[&str]) -> Option<String> {
        let harmless = matches!(rest.first(), Some(&("args" | "args_os" | "consts" | "current_exe" | "temp_dir")));
        let reader = matches!(self.krate, "server" | "testkit") || self.kind == Kind::Build;
        (!harmless && !reader)
            .then(|| "the environment is read in the server crate only: take the value as a parameter".to_owned())
    }

    fn may_sql(&self) -> bool {
        matches!(self.krate, "store" | "testkit") || self.kind == Kind::Store
    }

    fn may_http(&self) -> bool {
        matches!(self.krate, "web" | "api" | "server" | "testkit") || self.kind == Kind::Http
    }

    /// The table of a slice's files: what each kind may know of the workspace.
    fn neighbours(&self, name: &str) -> Option<String> {
        let other = name.strip_prefix("rhiza_")?;
        if !self.is_slice() || other == self.krate {
            return None;
        }
        if SLICES.contains(&other) && (self.krate, other) != ("mlops", "tracking") {
            return Some(format!("slices do not import slices: {} cannot know {other}", self.krate));
        }
        let (forbidden, who): (&[&str], &str) = match self.kind {
            Kind::Model => (&["store", "web", "platform"], "a model is pure"),
            Kind::Service => (&["web"], "a service knows no HTTP"),
            Kind::Store => (&["web"], "a store knows no HTTP"),
            Kind::Http | Kind::Build | Kind::Other => (&[], ""),
        };
        forbidden.contains(&other).then(|| format!("{who}: it cannot use {name}"))
    }
}

impl Kind {
    const WORDS: [(&'static str, Self); 5] = [
        ("store", Self::Store),
        ("system", Self::Store),
        ("http", Self::Http),
        ("service", Self::Service),
        ("model", Self::Model),
    ];

    fn exactly(name: &str) -> Option<Self> {
        Self::WORDS.into_iter().find_map(|(word, kind)| (name == word).then_some(kind))
    }

    fn named(name: &str) -> Option<Self> {
        let begins = |word: &str| name.strip_prefix(word).is_some_and(|rest| rest.starts_with('_'));
        Self::exactly(name).or_else(|| Self::WORDS.into_iter().find_map(|(word, kind)| begins(word).then_some(kind)))
    }
}

fn sql<'a>(place: &Place<'_>, source: &'a Source) -> impl Iterator<Item = &'a At<String>> {
    let allowed = place.may_sql();
    source.strings.iter().filter(move |text| !allowed && !text.test && is_sql(&text.what))
}

/// Statements as we write them: the keyword first, in capitals, and a second keyword that prose would not have.
fn is_sql(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let Some((first, rest)) = words.split_first() else { return false };
    let has = |word: &str| rest.contains(&word);
    match *first {
        "SELECT" => has("FROM") || has("WHERE") || rest.first() == Some(&"1"),
        "INSERT" => rest.first() == Some(&"INTO"),
        "DELETE" => rest.first() == Some(&"FROM"),
        "UPDATE" => has("SET"),
        "WITH" => has("AS") || has("SELECT"),
        "CREATE" | "ALTER" | "DROP" => has("TABLE") || has("INDEX") || has("ROLE") || has("POLICY"),
        "PRAGMA" => !rest.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::findings_of;
    use super::*;

    fn check_one(path: &str, code: &str) -> Vec<String> {
        findings_of("imports", &[(path, &format!("//! x\n{code}"))])
    }

    #[test]
    fn sql_outside_the_store() {
        let code = "fn f(tx: T) { tx.execute(\"DELETE FROM runs WHERE id = $1\", binds![x]); }";
        let found = check_one("crates/tracking/src/runs/service.rs", code);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("crates/tracking/src/runs/service.rs:2: error[imports]: SQL belongs"),
            "{found:?}"
        );
        for path in [
            "crates/tracking/src/runs/store.rs",
            "crates/tracking/src/runs/store_search.rs",
            "crates/tracking/src/runs/store/search.rs",
            "crates/tracking/src/runs/system.rs",
            "crates/store/src/migrate.rs",
        ] {
            assert!(check_one(path, code).is_empty(), "{path}");
        }
        assert_eq!(check_one("crates/tracking/src/runs/restore.rs", code).len(), 1);
        assert_eq!(check_one("crates/tracking/src/lib.rs", "fn f() { format!(\"SELECT {c} FROM t\"); }").len(), 1);
    }

    #[test]
    fn prose_is_not_sql() {
        for text in ["SELECT a file", "Update the row", "DROP it", "WITH care", "select x from y in prose", ""] {
            assert!(!is_sql(text), "{text}");
        }
        for text in [
            "SELECT 1",
            "  SELECT a\n FROM b",
            "WITH x AS (SELECT 1)",
            "UPDATE t SET a = 1",
            "CREATE UNIQUE INDEX i ON t (a)",
            "PRAGMA foreign_keys = ON",
        ] {
            assert!(is_sql(text), "{text}");
        }
    }

    #[test]
    fn the_orm_outside_the_store() {
        for code in ["use sea_orm::Value;", "use rhiza_store::sea_orm::Value;", "fn f(x: sqlx::Pool) {}"] {
            assert_eq!(check_one("crates/tracking/src/runs/jobs.rs", code).len(), 1, "{code}");
            assert!(check_one("crates/tracking/src/store.rs", code).is_empty());
        }
    }

    #[test]
    fn http_outside_http() {
        let code = "use axum::Router;";
        assert!(check_one("crates/identity/src/keys/service.rs", code)[0].contains("axum is for http*.rs"));
        for path in [
            "crates/identity/src/keys/http.rs",
            "crates/identity/src/http/keys.rs",
            "crates/web/src/stack.rs",
            "crates/server/src/main.rs",
        ] {
            assert!(check_one(path, code).is_empty(), "{path}");
        }
    }

    #[test]
    fn the_environment_outside_the_server() {
        for code in ["fn f() { std::env::var(\"X\"); }", "use std::env;", "use std::{env, fs};"] {
            assert_eq!(check_one("crates/platform/src/config.rs", code).len(), 1, "{code}");
            assert!(check_one("crates/server/src/config.rs", code).is_empty(), "{code}");
        }
        assert!(check_one("crates/web/src/a.rs", "fn f() { std::env::temp_dir(); }").is_empty());
        assert!(check_one("crates/api/build.rs", "fn main() { std::env::var(\"OUT_DIR\"); }").is_empty());
    }

    #[test]
    fn slices_do_not_import_slices() {
        assert!(
            check_one("crates/tracking/src/http.rs", "use rhiza_identity::X;")[0]
                .contains("slices do not import slices")
        );
        assert!(check_one("crates/mlops/src/http.rs", "use rhiza_tracking::X;").is_empty());
        assert!(check_one("crates/server/src/wiring.rs", "use rhiza_identity::X;").is_empty());
    }

    #[test]
    fn models_services_and_stores_know_their_place() {
        assert!(check_one("crates/tracking/src/runs/model.rs", "use rhiza_store::Db;")[0].contains("a model is pure"));
        assert!(check_one("crates/tracking/src/runs/service.rs", "use rhiza_web::Json;")[0].contains("no HTTP"));
        assert!(check_one("crates/tracking/src/runs/store.rs", "use rhiza_web::Json;")[0].contains("no HTTP"));
        assert!(check_one("crates/tracking/src/runs/service.rs", "use rhiza_platform::audit;").is_empty());
    }

    #[test]
    fn tests_may() {
        let code = "#[cfg(test)]\nmod tests { use axum::Router; fn f() { std::env::var(\"X\"); g(\"SELECT 1\"); } }";
        assert!(check_one("crates/tracking/src/runs/service.rs", code).is_empty());
        assert!(check_one("crates/tracking/tests/all.rs", "use axum::Router;").is_empty());
    }
}
