//! Letters to people: what they say, and the job that decides whom they go to. Who asks for a letter without being signed
//! in always gets the same answer after the same work: a job is queued. Whether there is an account is looked up by the
//! job, where nobody can measure it.

mod jobs;
pub(crate) mod system;
mod texts;

pub use jobs::WriteLetters;
pub(crate) use jobs::{Asked, ask};
pub(crate) use texts::{VERIFY_FOR, account_deleted, email_changed, factor_changed, password_changed};
