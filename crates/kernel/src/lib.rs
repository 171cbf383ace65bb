//! The words every Rhiza crate shares: typed ids, the closed set of error codes, the injected clock and
//! randomness, tenant scopes, roles and permissions. Values only: nothing here touches a clock, a file or a socket.

mod access;
mod env;
mod error;
mod id;
mod scope;

pub use access::{Permission, Permissions, Role, RoleRef, UnknownPermission, UnknownRole};
pub use env::{Clock, Entropy, Env, FixedClock, SeededEntropy};
pub use error::{Coded, ErrorCode, FieldError, QuotaFault};
pub use id::{
    AuditId, AutomlId, BlobId, DatasetId, EventId, ExplanationId, Id, IdError, InvitationId, JobId, KeyId, MailId,
    OrgId, PasskeyId, ProjectId, RoleId, ServiceAccountId, SessionId, TeamId, TokenFamilyId, TypedId, UserId,
};
pub use scope::{OrgScope, ProjectScope};
