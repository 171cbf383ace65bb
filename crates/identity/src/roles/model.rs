//! A role that an organisation made.

use chrono::{DateTime, Utc};
use rhiza_kernel::{Permission, Permissions, RoleId};

use crate::errors::Faults;

/// A role of one organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnRole {
    pub(crate) id: RoleId,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) permissions: Permissions,
    /// Counts the edits.
    pub(crate) revision: i64,
    pub(crate) created_at: DateTime<Utc>,
}

/// A role to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewRole {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// By name.
    pub(crate) permissions: Vec<String>,
}

/// What to change of a role; what is absent stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoleChange {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) permissions: Option<Vec<String>>,
}

/// In every role: without these nobody could see where they are, or sign out.
pub(super) const ALWAYS: Permissions =
    Permissions::NONE.with(Permission::OrganizationRead).with(Permission::SelfManage);

/// The permissions that `names` name.
pub(super) fn read_permissions(names: &[String], faults: &mut Faults) -> Permissions {
    names.iter().enumerate().fold(ALWAYS, |all, (at, name)| match name.parse::<Permission>() {
        Ok(permission) => all.with(permission),
        Err(_) => {
            faults.push(&format!("/permissions/{at}"), format!("{name:?} is not a permission"));
            all
        }
    })
}

/// Longest description, in characters.
const MAX_DESCRIPTION: usize = 500;

/// A few lines of plain text.
pub(crate) fn description(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.chars().count() > MAX_DESCRIPTION {
        return Err("must be at most 500 characters long");
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err("must not contain control characters");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_can_look_around_and_sign_out() {
        let mut faults = Faults::default();
        let read = read_permissions(&["models:read".to_owned()], &mut faults);
        assert_eq!(read.names(), ["models:read", "organization:read", "self:manage"]);
        assert!(faults.finish().is_ok());
        let mut faults = Faults::default();
        read_permissions(&["*".to_owned(), "models:destroy".to_owned()], &mut faults);
        assert!(faults.finish().is_err());
    }

    #[test]
    fn a_description_is_plain_text() {
        assert_eq!(description(" two\nlines ").unwrap(), "two\nlines");
        assert!(description("\u{7}").is_err());
        assert!(description(&"x".repeat(501)).is_err());
    }
}
