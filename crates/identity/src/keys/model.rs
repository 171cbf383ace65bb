//! A key and what it is limited to.

use chrono::{DateTime, Utc};
use rhiza_kernel::{KeyId, Permission, Permissions, ProjectId, RoleRef, ServiceAccountId, UserId};

use super::Networks;
use crate::access::Holder;

/// What a key may be used for, within its role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scopes {
    /// Everything the role allows, including what later versions add to the role.
    All,
    /// These permissions and no others.
    Listed(Vec<Permission>),
}

/// How "everything" is written in the API and the database.
pub(super) const ALL: &str = "*";

/// What a key gets when nobody says what it is for: the work of a training script, and nothing that manages people,
/// projects, keys or the installation. A leaked key should cost as little as possible.
const WORK: [Permission; 7] = [
    Permission::ExperimentRead,
    Permission::ExperimentWrite,
    Permission::ModelRead,
    Permission::ModelWrite,
    Permission::OrganizationRead,
    Permission::JobRead,
    Permission::JobManage,
];

impl Scopes {
    /// The scopes of a key for everyday work, as far as `may` allows them.
    #[must_use]
    pub fn for_work(may: impl Fn(Permission) -> bool) -> Self {
        Self::Listed(WORK.into_iter().filter(|p| may(*p)).collect())
    }

    /// The scopes as written in the API and the database.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::All => vec![ALL.to_owned()],
            Self::Listed(listed) => listed.iter().map(|p| p.as_str().to_owned()).collect(),
        }
    }

    /// Reads stored scopes. A name this version does not know grants nothing.
    #[must_use]
    pub fn from_stored(value: &serde_json::Value) -> Self {
        let names: Vec<&str> = value.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
        if names.contains(&ALL) {
            return Self::All;
        }
        Self::Listed(names.into_iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// What a key with these scopes is limited to, when its role includes `of_role`; `None` for no limit but what its
    /// owner may do.
    #[must_use]
    pub fn limits(&self, of_role: Option<Permissions>) -> Option<Permissions> {
        match self {
            Self::All => of_role,
            Self::Listed(listed) => {
                let listed: Permissions = listed.iter().copied().collect();
                Some(of_role.map_or(listed, |of_role| listed.intersect(of_role)))
            }
        }
    }
}

/// An API key, without its secret.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// The id.
    pub id: KeyId,
    /// The project it belongs to; none for a key of the whole organisation.
    pub project: Option<ProjectId>,
    /// What people call it.
    pub name: String,
    /// The beginning of the secret, to tell keys apart.
    pub prefix: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// The role it is limited to; `None` for whatever its owner may do.
    pub role: Option<RoleRef>,
    /// Who made it and answers for it.
    pub created_by: UserId,
    /// The service account it acts for; `None` when it acts for whoever made it.
    pub service_account: Option<ServiceAccountId>,
    /// The networks from which it may be used; `None` for anywhere.
    pub allowed_networks: Option<Networks>,
    /// The key that it replaces.
    pub rotated_from: Option<KeyId>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to within a minute or so.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was withdrawn.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    /// Whose membership the key stands on.
    pub(crate) fn holder(&self) -> Holder {
        self.service_account.map_or(Holder::Person(self.created_by), Holder::ServiceAccount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scopes_survive_storage_and_unknown_ones_grant_nothing() {
        let listed = Scopes::Listed(vec![Permission::ModelRead, Permission::KeyManage]);
        assert_eq!(Scopes::from_stored(&json!(listed.names())), listed);
        assert_eq!(Scopes::from_stored(&json!(["*"])), Scopes::All);
        assert_eq!(
            Scopes::from_stored(&json!(["models:read", "voice:call", 7])),
            Scopes::Listed(vec![Permission::ModelRead])
        );
        assert_eq!(Scopes::from_stored(&json!("*")), Scopes::Listed(vec![]));
        assert_eq!(Scopes::from_stored(&json!([])), Scopes::Listed(vec![]));
    }

    #[test]
    fn a_key_for_work_manages_nothing() {
        let Scopes::Listed(listed) = Scopes::for_work(|_| true) else { panic!("listed") };
        for managing in [
            Permission::KeyManage,
            Permission::MemberManage,
            Permission::RoleManage,
            Permission::ProjectManage,
            Permission::OrganizationManage,
            Permission::SecurityManage,
            Permission::ModelReview,
        ] {
            assert!(!listed.contains(&managing), "{managing}");
        }
        let Scopes::Listed(viewer) = Scopes::for_work(|p| p != Permission::ExperimentWrite) else { panic!("listed") };
        assert!(!viewer.contains(&Permission::ExperimentWrite));
    }

    #[test]
    fn scopes_and_role_limit_a_key_together() {
        let role: Permissions = [Permission::ModelRead, Permission::ModelReview].into_iter().collect();
        assert_eq!(Scopes::All.limits(None), None);
        assert_eq!(Scopes::All.limits(Some(role)), Some(role));
        let listed = Scopes::Listed(vec![Permission::ExperimentWrite, Permission::ModelRead]);
        assert_eq!(listed.limits(None).unwrap().names(), ["experiments:write", "models:read"]);
        assert_eq!(listed.limits(Some(role)).unwrap().names(), ["models:read"]);
        assert_eq!(Scopes::Listed(Vec::new()).limits(None), Some(Permissions::NONE));
    }
}
