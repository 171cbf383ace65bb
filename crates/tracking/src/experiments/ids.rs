//! The Default experiment of a project: one row among all, made when first needed, and called "0" by its clients.

use rhiza_kernel::{Env, ProjectId, ProjectScope};
use rhiza_store::Db;

use super::store;
use crate::error::{TrackingError, TrackingResult};
use crate::protocol;

/// Which row is "0" in which project. The answer never changes once given, so it is remembered.
#[derive(Clone)]
pub(crate) struct Ids {
    db: Db,
    env: Env,
    defaults: moka::sync::Cache<ProjectId, i64>,
}

/// The translation between ids on the wire and rows, for one project.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExperimentIds {
    default: i64,
}

impl Ids {
    pub(crate) fn new(db: Db, env: Env) -> Self {
        Self { db, env, defaults: moka::sync::Cache::new(10_000) }
    }

    /// The translation for a project; makes its Default experiment when there is none.
    pub(crate) async fn of(&self, scope: &ProjectScope) -> TrackingResult<ExperimentIds> {
        if let Some(default) = self.defaults.get(&scope.project) {
            return Ok(ExperimentIds { default });
        }
        let tx = self.db.read(&scope.org_scope()).await?;
        let known = store::default_of(&tx, scope).await?;
        tx.rollback().await?;
        let default = match known {
            Some(default) => default,
            None => self.make(scope).await?,
        };
        self.defaults.insert(scope.project, default);
        Ok(ExperimentIds { default })
    }

    async fn make(&self, scope: &ProjectScope) -> TrackingResult<i64> {
        let tx = self.db.write(&scope.org_scope()).await?;
        store::insert_default(&tx, scope, self.env.now_ms()).await?;
        let default = store::default_of(&tx, scope).await?;
        tx.commit().await?;
        default.ok_or_else(|| TrackingError::Internal("the Default experiment could not be made".to_owned()))
    }
}

impl ExperimentIds {
    /// The id a client sees.
    pub(crate) fn public(self, id: i64) -> String {
        if id == self.default { "0".to_owned() } else { id.to_string() }
    }

    /// The row of an id a client sent.
    pub(crate) const fn row(self, public: i64) -> i64 {
        if public == 0 { self.default } else { public }
    }

    /// The row of an id a client sent as text.
    pub(crate) fn parse(self, text: &str) -> TrackingResult<i64> {
        let number = protocol::experiment_id(text)?;
        let id = i64::try_from(number)
            .map_err(|_| TrackingError::missing(format!("No Experiment with id={} exists", text.trim())))?;
        Ok(self.row(id))
    }

    /// The row that is "0".
    pub(crate) const fn default_row(self) -> i64 {
        self.default
    }
}
