//! Tenant scopes: the value without which no tenant row can be read or written.

use crate::{OrgId, ProjectId};

/// One organisation. Every function that touches tenant rows takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrgScope {
    /// The organisation whose rows may be touched.
    pub org: OrgId,
}

impl OrgScope {
    /// The scope of `org`.
    #[must_use]
    pub const fn new(org: OrgId) -> Self {
        Self { org }
    }
}

/// One project of one organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProjectScope {
    /// The organisation.
    pub org: OrgId,
    /// The project inside it.
    pub project: ProjectId,
}

impl ProjectScope {
    /// The scope of `project` inside `org`.
    #[must_use]
    pub const fn new(org: OrgId, project: ProjectId) -> Self {
        Self { org, project }
    }

    /// The organisation's part of this scope.
    #[must_use]
    pub const fn org_scope(&self) -> OrgScope {
        OrgScope { org: self.org }
    }
}
