//! Copying the model registry: models, versions, stages, aliases and prompts.

use rhiza_tracking::importer::model::{OwnerKind, Registered, Version};
use rhiza_tracking::importer::{Reserved, VersionOutcome};
use rhiza_tracking::registry::model::IS_PROMPT;

use crate::commands::import_client::PageToken;
use crate::commands::import_copy::Copy;
use crate::commands::import_wire::{DownloadUri, RegisteredPage, VersionPage, WireRegistered};
use crate::error::Failure;

impl Copy {
    /// Copies registered models and their versions; runs and logged models come before.
    pub(super) async fn registry(&mut self) -> Result<(), Failure> {
        // A search leaves prompts out unless it asks for them, and then finds nothing else.
        for filter in [String::new(), format!("tags.`{IS_PROMPT}` = 'true'")] {
            let mut token = PageToken::first();
            let mut query = vec![("max_results", "100")];
            if !filter.is_empty() {
                query.push(("filter", filter.as_str()));
            }
            let path = ["mlflow", "registered-models", "search"];
            while let Some(page) = self.source.get_page::<RegisteredPage>(&path, &query, &mut token).await? {
                for wire in page.registered_models {
                    self.registered(wire, &filter).await?;
                }
            }
        }
        Ok(())
    }

    async fn registered(&mut self, wire: WireRegistered, filter: &str) -> Result<(), Failure> {
        let registered = Registered::from(wire);
        let name = registered.name.clone();
        let mut versions = self.versions(&name, filter).await?;
        if !self.wanted.experiments.is_empty() {
            let knows = |of, id: &str| self.transfer.knows(of, id);
            versions.retain(|v| knows(OwnerKind::Run, &v.run) || knows(OwnerKind::Model, &v.model));
            if versions.is_empty() {
                return Ok(());
            }
        }
        match self.transfer.registered(&registered).await {
            Ok(Reserved::Refused(reason)) => {
                self.refuse("registered model", &name, &reason);
                return Ok(());
            }
            Ok(outcome) => self.tally.registered += u64::from(outcome == Reserved::New),
            Err(error) => return self.refused("registered model", &name, error),
        }
        for version in versions {
            self.version(&registered, version).await?;
        }
        Ok(())
    }

    /// The versions of a registered model, oldest first.
    async fn versions(&self, name: &str, filter: &str) -> Result<Vec<Version>, Failure> {
        let quote = if name.contains('\'') { '"' } else { '\'' };
        let mut which = format!("name = {quote}{name}{quote}");
        if !filter.is_empty() {
            which.push_str(&format!(" AND {filter}"));
        }
        let query = [("filter", which.as_str()), ("max_results", "1000")];
        let mut found: Vec<Version> = Vec::new();
        let mut token = PageToken::first();
        let path = ["mlflow", "model-versions", "search"];
        while let Some(page) = self.source.get_page::<VersionPage>(&path, &query, &mut token).await? {
            found.extend(page.model_versions.into_iter().map(Version::from));
        }
        found.sort_by_key(|v| v.version);
        Ok(found)
    }

    async fn version(&mut self, registered: &Registered, mut version: Version) -> Result<(), Failure> {
        let (name, number) = (registered.name.as_str(), version.version);
        if self.transfer.knows_version(name, number) {
            self.tally.there += 1;
            return Ok(());
        }
        let path = ["mlflow", "model-versions", "get-download-uri"];
        let query = [("name", name), ("version", &number.to_string())];
        version.location = self.source.get::<DownloadUri>(&path, &query).await.ok().map(|answer| answer.artifact_uri);
        let at = registered.aliases.iter().filter(|(_, at)| **at == number);
        let aliases: Vec<&str> = at.map(|(alias, _)| alias.as_str()).collect();
        let place = format!("{name} version {number}");
        match self.transfer.version(name, &version, &aliases).await {
            Ok(VersionOutcome::Brought { has_files }) => {
                self.tally.versions += 1;
                let is_prompt = registered.tags.contains_key(IS_PROMPT) || version.tags.contains_key(IS_PROMPT);
                if !has_files && !is_prompt {
                    self.tally.unproxied.push(format!("{place}, which stay at {}", version.source));
                }
            }
            Ok(VersionOutcome::There) => self.tally.there += 1,
            Ok(VersionOutcome::NumberTaken) => {
                self.refuse("model version", &place, "the model has a version of that number here");
            }
            Err(error) => self.refused("model version", &place, error)?,
        }
        Ok(())
    }
}
