//! The organisation itself: its name, and what it asks of those who sign in.

use rhiza_kernel::Permission;
use rhiza_platform::authz::{Actor, OrgAccess};
use serde_json::{Value, json};

use super::store::{self, Settings};
use crate::access::{Change, Governance};
use crate::errors::IdentityError;
use crate::{people, sessions};

/// What to change of an organisation; what is absent stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingsChange {
    pub(crate) name: Option<String>,
    pub(crate) require_second_factor: Option<bool>,
}

fn shown(settings: &Settings) -> Value {
    json!({ "name": settings.name, "require_second_factor": settings.require_second_factor })
}

impl Governance {
    /// The caller's organisation.
    pub(crate) async fn settings(&self, access: &OrgAccess) -> Result<Settings, IdentityError> {
        let tx = self.db.read(&access.scope).await?;
        let found = store::settings(&tx, &access.scope).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// Changes the organisation, if `still_as_seen` accepts the revision it finds. Its name and its rules of signing in are
    /// two people's business: each needs its own permission.
    pub(crate) async fn update_settings(
        &self,
        access: &OrgAccess,
        change: SettingsChange,
        still_as_seen: impl FnOnce(i64) -> bool + Send,
    ) -> Result<Settings, IdentityError> {
        let name = change.name.as_deref().map(people::display_name).transpose();
        let name = name.map_err(|fault| IdentityError::field("/name", fault))?;
        let (tx, giver) = self.begin(access).await?;
        if name.is_some() || change.require_second_factor.is_none() {
            giver.needs(Permission::OrganizationManage)?;
        }
        if change.require_second_factor.is_some() {
            giver.needs(Permission::SecurityManage)?;
        }
        let before = store::settings(&tx, &access.scope).await?;
        if !still_as_seen(before.revision) {
            return Err(IdentityError::Stale);
        }
        let mut after = before.clone();
        after.name = name.unwrap_or(after.name);
        after.require_second_factor = change.require_second_factor.unwrap_or(after.require_second_factor);
        if after == before {
            return Ok(before);
        }
        if after.require_second_factor && !before.require_second_factor {
            // Who could not get past the rule must not make it: they would shut themselves and everybody else out.
            let shown = match &access.principal.actor {
                Actor::User { session, .. } => sessions::store::has_second_factor(&tx, &access.scope, *session).await?,
                Actor::System => true,
                Actor::Key { .. } | Actor::Token { .. } => false,
            };
            if !shown {
                return Err(IdentityError::Denied(
                    "Sign in with a second factor yourself before you ask everybody for one.".to_owned(),
                ));
            }
        }
        after.revision += 1;
        store::update_settings(&tx, &access.scope, &after).await?;
        let change = Change::updated("organization", access.scope.org.to_string(), shown(&before), shown(&after));
        self.commit(tx, access, &[change]).await?;
        Ok(after)
    }
}
