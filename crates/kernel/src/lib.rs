//! The words every Rhiza crate shares: typed ids, the closed set of error codes, the injected clock and
//! randomness, tenant scopes, roles and permissions. Values only: nothing here touches a clock, a file or a socket.

mod access;
mod env;
mod error;
mod id;
mod scope;

pub use access::{Permission, Role};
pub use env::{Clock, Entropy, Env, FixedClock, SeededEntropy};
pub use error::{Coded, ErrorCode, FieldError};
pub use id::{AuditId, BlobId, EventId, Id, IdError, JobId, KeyId, OrgId, ProjectId, SessionId, TypedId, UserId};
pub use scope::{OrgScope, ProjectScope};
