//! New versions: from bytes that come in, from files elsewhere, and by reading columns as other types.

use bytes::Bytes;
use futures::Stream;
use rhiza_kernel::{BlobId, DatasetId};
use rhiza_platform::jobs::{self, NewJob};
use rhiza_store::Tx;
use serde_json::{Value, json};

use super::jobs::ReadInput;
use super::model::{Dataset, Format, Source, State, Types, Version};
use super::service::{self, Datasets, no_dataset, no_version, unread};
use super::store;
use super::wire::DatasetSchema;
use crate::artifacts::{self, Artifact, Artifacts};
use crate::error::{Code, TrackingError, TrackingResult};
use crate::journal::Change;
use crate::protocol::Caller;

/// What came of adding a version.
#[derive(Debug)]
pub struct Added {
    /// The dataset.
    pub dataset: Dataset,
    /// The new version, or the one that has these bytes.
    pub version: Version,
    /// Whether it is new.
    pub fresh: bool,
}

/// A version whose bytes are somewhere else. Name and address were checked.
#[derive(Debug, Clone)]
pub struct Import {
    /// The dataset's name; it is made when there is none.
    pub name: String,
    /// How the file is written; found out when absent.
    pub format: Option<Format>,
    /// Where it is.
    pub from: Origin,
}

/// Where the bytes of an import are.
#[derive(Debug, Clone)]
pub enum Origin {
    /// At an address. A job fetches them.
    Url {
        /// The whole address.
        url: String,
        /// The address without what may be a secret.
        shown: String,
    },
    /// Among the files of a run.
    Artifact {
        /// The run.
        run_id: String,
        /// The file, from the root of the run's files.
        path: String,
    },
}

/// A profile that looks at a target, or the job that makes it.
#[derive(Debug)]
pub enum Profiled {
    /// It is there.
    There(Value),
    /// It is being made by this job.
    Soon(rhiza_kernel::JobId),
}

/// A version about to be written.
struct Draft<'a> {
    name: &'a str,
    format: Option<Format>,
    source: Source,
    /// Its bytes, when they are there: not yet a file's.
    bytes: Option<Artifact>,
    /// Where to fetch them otherwise.
    url: Option<String>,
}

impl Datasets {
    /// Makes a version of the bytes of `body`, `announced` in all if the sender said so. The same bytes as the newest version's
    /// are that version.
    ///
    /// # Errors
    /// When the upload breaks off or is larger than allowed.
    pub async fn upload<S, E>(
        &self,
        caller: &Caller,
        name: &str,
        file: Option<String>,
        format: Option<Format>,
        announced: Option<u64>,
        body: S,
    ) -> TrackingResult<Added>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: std::fmt::Display,
    {
        let artifacts = Artifacts::new(&self.state);
        let stored = artifacts.receive(caller, announced, 0, body).await?;
        let blob = stored.id;
        let bytes = Artifact { path: String::new(), blob, size: stored.size, checksum: stored.checksum };
        let source = Source::Upload { file };
        let added = self.add(caller, Draft { name, format, source, bytes: Some(bytes), url: None }).await;
        self.keep_or_give_up(blob, added).await
    }

    /// Makes a version of a file elsewhere.
    ///
    /// # Errors
    /// When there is no such file in the run.
    pub async fn import(&self, caller: &Caller, import: &Import) -> TrackingResult<Added> {
        let (name, format) = (import.name.as_str(), import.format);
        let added = match &import.from {
            Origin::Url { url, shown } => {
                let source = Source::Url { url: shown.clone() };
                self.add(caller, Draft { name, format, source, bytes: None, url: Some(url.clone()) }).await?
            }
            Origin::Artifact { run_id, path } => {
                let artifacts = Artifacts::new(&self.state);
                let path = artifacts::path::clean(path)?;
                let (_, folder) = artifacts.run_folder(caller, run_id).await?;
                let folder = folder.ok_or_else(|| artifacts::no_artifact(&path))?;
                let bytes = artifacts.file(caller, &artifacts::path::join(&folder, &path)).await?;
                let source = Source::Artifact { run_id: run_id.clone(), path };
                self.add(caller, Draft { name, format, source, bytes: Some(bytes), url: None }).await?
            }
        };
        Ok(added.0)
    }

    /// Makes a version with the same bytes whose columns are read as `types`, the others as is found out.
    ///
    /// # Errors
    /// When the version has no bytes yet, or no such column.
    pub async fn set_types(
        &self,
        caller: &Caller,
        id: DatasetId,
        number: Option<i64>,
        types: Types,
    ) -> TrackingResult<Added> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let dataset = store::get(&tx, &caller.scope, id, true).await?.ok_or_else(no_dataset)?;
        let number = number.unwrap_or(dataset.latest);
        let base = store::version(&tx, &caller.scope, id, number).await?.ok_or_else(no_version)?;
        if base.types == types {
            return Ok(Added { dataset, version: base, fresh: false });
        }
        if base.path.is_none() || base.state == State::Reading {
            return Err(unread(&base));
        }
        if let Some(schema) = store::schema(&tx, &caller.scope, id, number).await? {
            must_be_columns(&schema, types.keys())?;
        }
        let version = Version {
            number: dataset.latest + 1,
            state: State::Reading,
            error: None,
            source: Source::Types,
            parent: Some(number),
            types,
            rows: None,
            columns: None,
            quality: None,
            job: None,
            created_by: made_by(caller),
            created_at: self.state.env.now(),
            read_at: None,
            ..base
        };
        let added = self.write(&tx, caller, dataset, version, None).await?;
        self.tell(&tx, caller, &added.version).await?;
        tx.commit().await?;
        Ok(added)
    }

    /// The profile that looks at `target`: the one there is, or the job that makes it.
    ///
    /// # Errors
    /// When the version has not been read, or has no such column.
    pub async fn profile(
        &self,
        caller: &Caller,
        id: DatasetId,
        number: Option<i64>,
        target: &str,
    ) -> TrackingResult<Profiled> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let (version, there) = self.known_profile(&tx, caller, id, number, target).await?;
        if let Some(profile) = there {
            return Ok(Profiled::There(profile));
        }
        let job = self.enqueue(&tx, caller, &version, Some(target.to_owned()), None).await?;
        tx.commit().await?;
        Ok(Profiled::Soon(job))
    }

    /// The profile that looks at `target`, if it has been made.
    pub(super) async fn profile_for(
        &self,
        caller: &Caller,
        id: DatasetId,
        number: Option<i64>,
        target: &str,
    ) -> TrackingResult<Option<Value>> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let (_, profile) = self.known_profile(&tx, caller, id, number, target).await?;
        tx.rollback().await?;
        Ok(profile)
    }

    async fn known_profile(
        &self,
        tx: &Tx,
        caller: &Caller,
        id: DatasetId,
        number: Option<i64>,
        target: &str,
    ) -> TrackingResult<(Version, Option<Value>)> {
        let dataset = store::get(tx, &caller.scope, id, false).await?.ok_or_else(no_dataset)?;
        let number = number.unwrap_or(dataset.latest);
        let version = store::version(tx, &caller.scope, id, number).await?.ok_or_else(no_version)?;
        if version.state != State::Ready {
            return Err(unread(&version));
        }
        let schema = store::schema(tx, &caller.scope, id, number).await?.unwrap_or_default();
        must_be_columns(&schema, [target])?;
        let profile = store::profile_for(tx, &caller.scope, &version, target).await?;
        Ok((version, profile))
    }

    /// Writes the draft as a version, unless the newest has its bytes. Tells whether the bytes became a file.
    async fn add(&self, caller: &Caller, draft: Draft<'_>) -> TrackingResult<(Added, bool)> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let now = self.state.env.now();
        let fresh = Dataset {
            id: self.state.env.new_id(),
            name: draft.name.to_owned(),
            description: String::new(),
            latest: 0,
            revision: 1,
            created_by: made_by(caller),
            created_at: now,
            updated_at: now,
        };
        let made = store::insert(&tx, &caller.scope, &fresh).await?;
        let dataset = store::lock_named(&tx, &caller.scope, draft.name).await?.ok_or_else(no_dataset)?;
        let digest = draft.bytes.as_ref().map(|bytes| bytes.checksum.clone()).filter(|digest| !digest.is_empty());
        if let Some(digest) = &digest
            && let Some(newest) = store::version(&tx, &caller.scope, dataset.id, dataset.latest).await?
            && newest.is_of(digest, draft.format)
        {
            let version = self.read_on(&tx, caller, newest).await?;
            tx.commit().await?;
            return Ok((Added { dataset, version, fresh: false }, false));
        }
        let (path, placed) = match &draft.bytes {
            Some(bytes) => self.file_of(&tx, caller, &dataset, bytes, digest.as_deref()).await?,
            None => (None, false),
        };
        let version = Version {
            dataset: dataset.id,
            number: dataset.latest + 1,
            state: State::Reading,
            error: None,
            source: draft.source,
            parent: None,
            types: Types::new(),
            format: draft.format,
            digest,
            path,
            size: draft.bytes.map(|bytes| i64::try_from(bytes.size).unwrap_or(i64::MAX)),
            rows: None,
            columns: None,
            quality: None,
            job: None,
            created_by: made_by(caller),
            created_at: now,
            read_at: None,
        };
        let added = self.write(&tx, caller, dataset, version, draft.url).await?;
        // The audit chain last: its head stays locked until the commit.
        if made {
            let told = Change::new("dataset", "created", added.dataset.id.to_string());
            told.after(service::shown(&added.dataset)).record(&tx, caller, &self.state.env).await?;
        }
        self.tell(&tx, caller, &added.version).await?;
        tx.commit().await?;
        Ok((added, placed))
    }

    /// Where the dataset has these bytes, which become a file of it if they are none yet; and whether they did.
    pub(super) async fn file_of(
        &self,
        tx: &Tx,
        caller: &Caller,
        dataset: &Dataset,
        bytes: &Artifact,
        digest: Option<&str>,
    ) -> TrackingResult<(Option<String>, bool)> {
        if let Some(digest) = digest
            && let Some(path) = store::path_of(tx, &caller.scope, dataset.id, digest).await?
        {
            return Ok((Some(path), false));
        }
        let name = digest.map_or_else(|| bytes.blob.uuid().as_simple().to_string(), str::to_owned);
        let path = format!("{}/{name}", service::folder(dataset.id));
        let file = Artifact { path: path.clone(), ..bytes.clone() };
        Artifacts::new(&self.state).place(tx, caller, &file).await?;
        Ok((Some(path), true))
    }

    /// Writes a version and the job that reads it.
    async fn write(
        &self,
        tx: &Tx,
        caller: &Caller,
        mut dataset: Dataset,
        mut version: Version,
        url: Option<String>,
    ) -> TrackingResult<Added> {
        dataset.latest = version.number;
        dataset.updated_at = version.created_at;
        store::update(tx, &caller.scope, &dataset).await?;
        store::insert_version(tx, &caller.scope, &version).await?;
        version.job = Some(self.enqueue(tx, caller, &version, None, url).await?);
        Ok(Added { dataset, version, fresh: true })
    }

    async fn tell(&self, tx: &Tx, caller: &Caller, version: &Version) -> TrackingResult<()> {
        let subject = format!("{}/{}", version.dataset, version.number);
        let after = json!({
            "version": version.number,
            "source": version.source,
            "digest": version.digest,
            "parent": version.parent,
            "types": version.types,
        });
        Change::new("dataset_version", "created", subject).after(after).record(tx, caller, &self.state.env).await
    }

    /// Sees to it that a version which waits to be read is: its job may have been cancelled.
    async fn read_on(&self, tx: &Tx, caller: &Caller, mut version: Version) -> TrackingResult<Version> {
        if version.state == State::Reading {
            version.job = Some(self.enqueue(tx, caller, &version, None, None).await?);
        }
        Ok(version)
    }

    async fn enqueue(
        &self,
        tx: &Tx,
        caller: &Caller,
        version: &Version,
        target: Option<String>,
        url: Option<String>,
    ) -> TrackingResult<rhiza_kernel::JobId> {
        let key = format!("{}/{}/{}", version.dataset, version.number, target.as_deref().unwrap_or_default());
        let reads = target.is_none();
        let input = ReadInput {
            dataset: version.dataset,
            version: version.number,
            target,
            url,
            plan: caller.plan.as_ref().to_owned(),
        };
        let input = serde_json::to_value(input).map_err(|e| TrackingError::Internal(e.to_string()))?;
        let job = NewJob::new(super::jobs::KIND, input).scope(caller.scope).dedupe(key).created_by(&caller.who);
        let limit = self.state.quotas.as_ref().and_then(|quotas| quotas.plan(&caller.plan).allowances.jobs);
        let queued = jobs::enqueue_within(tx, job, limit, &self.state.env).await?;
        if reads {
            store::set_job(tx, &caller.scope, version, queued.id).await?;
        }
        Ok(queued.id)
    }

    /// Removes the bytes of an upload that no file has.
    async fn keep_or_give_up(&self, blob: BlobId, added: TrackingResult<(Added, bool)>) -> TrackingResult<Added> {
        if !matches!(added, Ok((_, true))) {
            Artifacts::new(&self.state).give_up(blob).await;
        }
        added.map(|(added, _)| added)
    }
}

fn made_by(caller: &Caller) -> String {
    let id = caller.who.actor.id_text();
    if id.is_empty() { caller.who.actor.kind().to_owned() } else { id }
}

fn must_be_columns<'a>(schema: &Value, names: impl IntoIterator<Item = impl AsRef<str> + 'a>) -> TrackingResult<()> {
    let schema: DatasetSchema =
        serde_json::from_value(schema.clone()).map_err(|e| TrackingError::Internal(e.to_string()))?;
    for name in names {
        let name = name.as_ref();
        if !schema.columns.iter().any(|column| column.name == name) {
            return Err(TrackingError::new(Code::InvalidParameterValue, format!("There is no column {name:?}.")));
        }
    }
    Ok(())
}
