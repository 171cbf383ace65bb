//! Laying file, variables and flags over the defaults.

use std::borrow::Cow;
use std::collections::BTreeMap;

use config::{File, FileFormat, Map, Value, ValueKind};

use super::DEFAULTS;
use super::check::{Fault, Faults, check};
use super::model::Config;

/// Variables with short names, and the ones other tools already set. Later ones win.
const SHORT_NAMES: [(&str, &str); 9] = [
    ("AWS_REGION", "storage.s3_region"),
    ("AWS_ACCESS_KEY_ID", "storage.s3_access_key_id"),
    ("AWS_SECRET_ACCESS_KEY", "storage.s3_secret_access_key"),
    ("RHIZA_ENV", "env"),
    ("RHIZA_DATA_DIR", "data_dir"),
    ("RHIZA_LISTEN", "server.listen"),
    ("RHIZA_DATABASE_URL", "database.url"),
    ("RHIZA_STORAGE_URL", "storage.url"),
    ("RHIZA_REDIS_URL", "limits.redis_url"),
];

/// Variables that begin with `RHIZA_` without being settings: the names of tests and of the build.
const NOT_SETTINGS: [&str; 4] = ["RHIZA_TEST_", "RHIZA_CACHE", "RHIZA_BIN", "RHIZA_PYTHON"];

/// The settings in force: `flags` (as `section.name` and value) over `environment` over `file` (name and text) over the
/// defaults.
///
/// # Errors
/// Every fault there is: unknown names, values of the wrong kind, combinations that cannot work.
pub fn load(
    file: Option<(&str, &str)>,
    environment: &BTreeMap<String, String>,
    flags: &[(&str, String)],
) -> Result<Config, Faults> {
    let mut known = flatten(parse("the built-in defaults", DEFAULTS)?);
    known.extend(flatten(parse("the settings of a provider", PROVIDER)?));
    let mut faults = Vec::new();
    let mut builder = config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    if let Some((name, text)) = file {
        for (path, kind) in flatten(parse(name, text)?) {
            match known.get(known_as(&path).as_ref()) {
                None => {
                    let hint = suggestion(&path, &known);
                    faults.push(Fault::new(&path, format!("is not a setting (in {name}){hint}")));
                }
                Some(default) => match mismatch(default, &kind) {
                    Some(expected) => faults.push(Fault::new(&path, format!("must be {expected} (in {name})"))),
                    None => builder = set(builder, &path, Value::new(None, kind))?,
                },
            }
        }
    }
    let mut overrides: Vec<(String, String, String)> = Vec::new();
    for (variable, value) in environment {
        let Some(rest) = variable.strip_prefix("RHIZA_") else { continue };
        if SHORT_NAMES.iter().any(|(name, _)| name == variable)
            || NOT_SETTINGS.iter().any(|prefix| variable.starts_with(prefix))
        {
            continue;
        }
        let path = rest.to_lowercase().replace("__", ".");
        if known.contains_key(known_as(&path).as_ref()) {
            overrides.push((path, value.clone(), variable.clone()));
        } else {
            let hint = suggestion(&path, &known);
            faults.push(Fault::new(&path, format!("is not a setting (variable {variable}){hint}")));
        }
    }
    // The usual AWS variables are only hints: a setting of our own wins over them.
    for (variable, path) in SHORT_NAMES {
        if let Some(value) = environment.get(variable).filter(|value| !value.is_empty()) {
            let own = overrides.iter().any(|(set, _, _)| set == path);
            if !own {
                overrides.push((path.to_owned(), value.clone(), variable.to_owned()));
            }
        }
    }
    overrides.extend(flags.iter().map(|(path, value)| ((*path).to_owned(), value.clone(), "a flag".to_owned())));
    for (path, text, origin) in overrides {
        match convert(known.get(known_as(&path).as_ref()), &text) {
            Ok(value) => builder = set(builder, &path, value)?,
            Err(expected) => faults.push(Fault::new(&path, format!("must be {expected} ({origin})"))),
        }
    }
    // What has the right form is judged too, so that one look at the faults is enough to mend them all.
    match builder.build().and_then(config::Config::try_deserialize::<Config>) {
        Ok(config) => {
            faults.extend(check(&config));
            if faults.is_empty() { Ok(config) } else { Err(Faults(faults)) }
        }
        Err(error) => {
            faults.push(Fault::new("", error.to_string()));
            Err(Faults(faults))
        }
    }
}

/// The settings of an OpenID provider, of which there are none by default: what kind each is.
const PROVIDER: &str = r#"
[identity.oidc.any]
issuer = ""
client_id = ""
client_secret = ""
label = ""
scopes = []
allowed_domains = []
organization = ""
trusted_emails = false
trusted_second_factor = false
"#;

/// The name under which a setting is known: every plan has the settings of the plan that is there, every provider those
/// of any.
fn known_as(path: &str) -> Cow<'_, str> {
    for (section, known) in [("limits.plans.", "standard"), ("identity.oidc.", "any")] {
        if let Some((_, setting)) = path.strip_prefix(section).and_then(|rest| rest.split_once('.')) {
            return format!("{section}{known}.{setting}").into();
        }
    }
    path.into()
}

type Builder = config::ConfigBuilder<config::builder::DefaultState>;

fn set(builder: Builder, path: &str, value: Value) -> Result<Builder, Faults> {
    builder.set_override(path, value).map_err(|e| Faults(vec![Fault::new(path, e.to_string())]))
}

/// What a setting should be, when the file gives something of another kind.
fn mismatch(default: &ValueKind, given: &ValueKind) -> Option<&'static str> {
    use ValueKind::{Array, Boolean, Float, I64, I128, String, U64, U128};
    match (default, given) {
        (Boolean(_), Boolean(_))
        | (I64(_) | U64(_) | I128(_) | U128(_), I64(_) | U64(_) | I128(_) | U128(_))
        | (Float(_), Float(_) | I64(_))
        | (Array(_), Array(_))
        | (String(_), String(_)) => None,
        (Boolean(_), _) => Some("true or false"),
        (I64(_) | U64(_) | I128(_) | U128(_), _) => Some("a whole number"),
        (Float(_), _) => Some("a number"),
        (Array(_), _) => Some("a list"),
        _ => Some("a text"),
    }
}

fn parse(name: &str, text: &str) -> Result<Map<String, Value>, Faults> {
    config::Config::builder()
        .add_source(File::from_str(text, FileFormat::Toml))
        .build()
        .and_then(config::Config::try_deserialize)
        .map_err(|e| Faults(vec![Fault::new("", format!("{name} cannot be read: {e}"))]))
}

/// All leaves as `section.name`.
fn flatten(table: Map<String, Value>) -> BTreeMap<String, ValueKind> {
    let mut leaves = BTreeMap::new();
    for (name, value) in table {
        match value.kind {
            ValueKind::Table(inner) => {
                leaves.extend(flatten(inner).into_iter().map(|(rest, kind)| (format!("{name}.{rest}"), kind)));
            }
            kind => {
                leaves.insert(name, kind);
            }
        }
    }
    leaves
}

/// Reads a variable's or flag's text as the kind of value that the default has.
fn convert(default: Option<&ValueKind>, text: &str) -> Result<Value, &'static str> {
    let kind = match default {
        Some(ValueKind::Boolean(_)) => ValueKind::Boolean(text.parse().map_err(|_| "true or false")?),
        Some(ValueKind::I64(_) | ValueKind::U64(_)) => ValueKind::I64(text.parse().map_err(|_| "a whole number")?),
        Some(ValueKind::Float(_)) => ValueKind::Float(text.parse().map_err(|_| "a number")?),
        Some(ValueKind::Array(_)) => {
            ValueKind::Array(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect())
        }
        _ => ValueKind::String(text.to_owned()),
    };
    Ok(Value::new(None, kind))
}

/// The known name that is nearest, when one is near.
fn suggestion(path: &str, known: &BTreeMap<String, ValueKind>) -> String {
    let leaf = path.rsplit('.').next().unwrap_or(path);
    known
        .keys()
        .find(|name| name.rsplit('.').next() == Some(leaf) || distance(name, path) <= 2)
        .map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let change = before + usize::from(ca != *cb);
            before = row[j + 1];
            row[j + 1] = change.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_defaults_are_good_as_they_are() {
        let config = load(None, &env(&[]), &[]).unwrap();
        assert_eq!(config.public_url(), "http://localhost:8080");
        assert!(config.database_url().starts_with("sqlite://./rhiza-data"));
    }

    #[test]
    fn flags_win_over_variables_and_those_over_the_file() {
        let file = Some(("f.toml", "data_dir = \"a\"\n[server]\nlisten = \"127.0.0.1:1\"\ndrain_seconds = 3\n"));
        let variables = env(&[
            ("RHIZA_LISTEN", "127.0.0.1:2"),
            ("RHIZA_DATA_DIR", "b"),
            ("RHIZA_SERVER__CORS_ORIGINS", "https://a.org, https://b.org"),
            ("RHIZA_TEST_POSTGRES_URL", "ignored"),
        ]);
        let config = load(file, &variables, &[("server.listen", "127.0.0.1:3".to_owned())]).unwrap();
        assert_eq!(config.server.listen.port(), 3);
        assert_eq!(config.data_dir.to_str(), Some("b"));
        assert_eq!(config.server.drain_seconds, 3);
        assert_eq!(config.server.cors_origins, ["https://a.org", "https://b.org"]);
    }

    #[test]
    fn every_unknown_name_and_wrong_kind_is_listed_at_once() {
        let file = Some(("f.toml", "[server]\nlisten_on = 1\n[sever]\npublic_url = \"x\"\n"));
        let variables = env(&[("RHIZA_SERVER__DRAIN_SECONDS", "soon"), ("RHIZA_TYPO", "1")]);
        let faults = load(file, &variables, &[]).unwrap_err();
        let text = faults.to_string();
        assert_eq!(faults.0.len(), 4, "{text}");
        assert!(text.contains("did you mean server.public_url?"), "{text}");
        assert!(text.contains("must be a whole number (RHIZA_SERVER__DRAIN_SECONDS)"), "{text}");
    }

    #[test]
    fn a_wrong_kind_in_the_file_hides_no_other_fault() {
        let file =
            Some(("f.toml", "[server]\ndrain_seconds = \"soon\"\ncors_origins = 3\n[database]\nurl = \"ftp://x\"\n"));
        let text = load(file, &env(&[("RHIZA_TYPO", "1")]), &[]).unwrap_err().to_string();
        assert!(text.contains("server.drain_seconds must be a whole number (in f.toml)"), "{text}");
        assert!(text.contains("server.cors_origins must be a list (in f.toml)"), "{text}");
        assert!(text.contains("typo is not a setting"), "{text}");
        assert!(text.contains("database.url"), "{text}");
    }

    #[test]
    fn plans_can_be_added_and_each_inherits_from_the_standard_one() {
        let file = Some(("f.toml", "[limits]\ndefault_plan = \"big-team\"\n[limits.plans.big-team]\nread = 7\n"));
        let variables =
            env(&[("RHIZA_LIMITS__PLANS__SMALL__JOBS", "2"), ("RHIZA_LIMITS__PLANS__STANDARD__WRITE", "9")]);
        let config = load(file, &variables, &[]).unwrap();
        let plans = crate::limits::Plans::new(&config.limits);
        assert_eq!(plans.names().collect::<Vec<_>>(), ["big-team", "small", "standard"]);
        assert_eq!(plans.get("small").allowances.jobs, Some(2));
        let of = |plan: &str, class| plans.get(plan).rate(class).limit();
        assert_eq!(of("big-team", crate::limits::Class::Read), 7);
        assert_eq!(of("big-team", crate::limits::Class::Write), 9);
        assert_eq!(of("renamed since", crate::limits::Class::Read), 7, "an unknown plan is the default plan");
    }

    #[test]
    fn what_is_no_setting_of_a_plan_is_refused() {
        let file = Some(("f.toml", "[limits]\ndefault_plan = \"none\"\n[limits.plans.a]\nreads = 7\nread = -1\n"));
        let text = load(file, &env(&[]), &[]).unwrap_err().to_string();
        assert!(text.contains("limits.plans.a.reads is not a setting"), "{text}");
    }

    #[test]
    fn providers_come_from_the_file_and_from_variables() {
        let file =
            Some(("f.toml", "[identity.oidc.my-idp]\nissuer = \"https://id.example.org\"\nclient_id = \"rhiza\"\n"));
        let variables = env(&[
            ("RHIZA_IDENTITY__OIDC__MY-IDP__CLIENT_SECRET", "said by a variable"),
            ("RHIZA_IDENTITY__OIDC__MY-IDP__ALLOWED_DOMAINS", "example.org, example.com"),
            ("RHIZA_IDENTITY__OIDC__MY-IDP__TRUSTED_EMAILS", "true"),
        ]);
        let config = load(file, &variables, &[]).unwrap();
        let provider = &config.identity.oidc["my-idp"];
        assert_eq!(secrecy::ExposeSecret::expose_secret(&provider.client_secret), "said by a variable");
        assert_eq!(provider.allowed_domains, ["example.org", "example.com"]);
        assert!(provider.trusted_emails && !provider.trusted_second_factor);
        assert_eq!(provider.scopes, ["openid", "email", "profile"]);
        let text = load(file, &env(&[]), &[]).unwrap_err().to_string();
        assert!(text.contains("identity.oidc.my-idp.client_secret must be set"), "{text}");
        let file = Some(("f.toml", "[identity.oidc.a]\nisuer = \"https://id.example.org\"\n"));
        let text = load(file, &env(&[]), &[]).unwrap_err().to_string();
        assert!(text.contains("identity.oidc.a.isuer is not a setting"), "{text}");
    }

    #[test]
    fn a_file_that_is_not_toml_is_refused_by_name() {
        let text = load(Some(("f.toml", "= 1")), &env(&[]), &[]).unwrap_err().to_string();
        assert!(text.contains("f.toml"), "{text}");
    }
}
