//! `rhiza import mlflow`: copies what a running MLflow server tracked into a project.

use rhiza_identity::PlacedProject;
use rhiza_platform::authz::Access;
use rhiza_tracking::TrackingState;
use rhiza_tracking::importer::Transfer;

use crate::cli::{ImportCommand, Settings};
use crate::commands::import_client::Source;
use crate::commands::import_copy::{Copy, Tally, Wanted};
use crate::commands::print;
use crate::error::Failure;
use crate::installation::Installation;
use crate::settings;

pub(crate) async fn run(command: ImportCommand, given: &Settings) -> Result<(), Failure> {
    let ImportCommand::Mlflow { uri, project, experiments, deleted, no_artifacts } = command;
    let source = Source::new(&uri, settings::source_credentials()).map_err(Failure::usage)?;
    let installation = Installation::open(settings::load(given)?).await?;
    let wanted = Wanted { experiments, deleted, files: !no_artifacts };
    let outcome = copy(&installation, source, project.as_deref(), wanted).await;
    installation.close().await?;
    let tally = outcome?;
    print(&tally.to_string());
    if tally.refused.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!("{} things could not be copied; they are listed above", tally.refused.len())))
}

async fn copy(
    installation: &Installation,
    source: Source,
    project: Option<&str>,
    wanted: Wanted,
) -> Result<Tally, Failure> {
    let projects = rhiza_identity::placed_projects(&installation.db).await?;
    let project = choose(&projects, project)?;
    let Installation { db, env, blobs, .. } = installation;
    let (state, _) = TrackingState::new(db.clone(), env.clone(), blobs.clone());
    let caller = Access::system(project.scope, project.slug.clone()).into();
    let name = format!("mlflow:{}", source.address());
    print(&format!("copying {} into project {}", source.address(), project.slug));
    let transfer = Transfer::open(&state, &caller, &name).await?;
    Copy::new(source, transfer, wanted).run().await
}

/// The project that is meant: by its slug, by its organisation's and its own, or the only one there is.
fn choose<'a>(projects: &'a [PlacedProject], named: Option<&str>) -> Result<&'a PlacedProject, Failure> {
    let is_meant = |project: &PlacedProject| match named.and_then(|name| name.split_once('/')) {
        Some((organization, slug)) => project.organization == organization && project.slug == slug,
        None => named.is_none_or(|name| project.slug == name),
    };
    let meant: Vec<&PlacedProject> = projects.iter().filter(|project| is_meant(project)).collect();
    let list = |projects: &mut dyn Iterator<Item = &PlacedProject>| {
        let names: Vec<String> = projects.map(|p| format!("{}/{}", p.organization, p.slug)).collect();
        names.join(", ")
    };
    match (meant.as_slice(), named) {
        ([one], _) => Ok(one),
        ([], _) if projects.is_empty() => {
            Err(Failure::usage("there is no project yet: set up the installation first (rhiza admin init)"))
        }
        ([], name) => Err(Failure::usage(format!(
            "there is no project {:?}; there are {}",
            name.unwrap_or_default(),
            list(&mut projects.iter())
        ))),
        (several, _) => Err(Failure::usage(format!(
            "say with --project which one is meant: {}",
            list(&mut several.iter().copied())
        ))),
    }
}

#[cfg(test)]
mod tests {
    use rhiza_kernel::{OrgId, ProjectId, ProjectScope, TypedId as _};

    use super::*;

    fn project(number: u8, organization: &str, slug: &str) -> PlacedProject {
        let id = |n: u8| format!("00000000-0000-7000-8000-0000000000{n:02x}").parse().expect("an id");
        let scope = ProjectScope::new(OrgId::from_uuid(id(1)), ProjectId::from_uuid(id(number)));
        PlacedProject { scope, organization: organization.to_owned(), slug: slug.to_owned() }
    }

    #[test]
    fn a_project_is_named_unless_it_is_the_only_one() {
        let all = [project(2, "a", "fraud"), project(3, "a", "churn"), project(4, "b", "churn")];
        assert_eq!(choose(&all[..1], None).expect("the only one"), &all[0]);
        assert_eq!(choose(&all, Some("fraud")).expect("by slug"), &all[0]);
        assert_eq!(choose(&all, Some("b/churn")).expect("by both"), &all[2]);
        for (projects, name, says) in [
            (&all[..], None, "a/fraud, a/churn, b/churn"),
            (&all[..], Some("churn"), "a/churn, b/churn"),
            (&all[..], Some("other"), "there is no project \"other\""),
            (&[], None, "rhiza admin init"),
        ] {
            let failure = choose(projects, name).expect_err("a refusal").to_string();
            assert!(failure.contains(says), "{failure}");
        }
    }
}
