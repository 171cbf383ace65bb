//! Who is calling, and what they may do.
//!
//! One middleware ([`protect`]) stands before every route: unless the route is on [`PUBLIC_ROUTES`] the caller must
//! present a credential that the [`Authenticator`] accepts. The extractors [`Allowed`] and [`AllowedOrg`] are the
//! capabilities: a handler that takes `Allowed<need::ModelWrite>` cannot run for a caller who lacks that permission,
//! and the scope it receives is the only one it can hand to the database.

mod access;
mod credentials;
mod http;
mod model;
mod policies;
mod public;
mod workspace;

pub use access::{Access, OrgAccess};
pub use credentials::{Credentials, Presented, ProjectHeader, RequestedProject, SESSION_COOKIE};
pub use http::{Allowed, AllowedOrg, SignedIn, protect};
pub(crate) use http::{caller_of, principal_of};
pub use model::{
    Actor, AuthError, Authenticator, Caller, Grants, Need, Principal, ProjectChoice, ServiceAccount, need,
};
pub use policies::{Explanation, Policies, PolicyFault, Reason, Standing};
pub use public::{PUBLIC_ROUTES, is_public};
pub use workspace::workspace_fault;
