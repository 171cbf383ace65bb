//! People: who they are, and how a password becomes a hash and is checked against one. A person may belong to
//! several organisations, so their row belongs to none and every look-up here is a system look-up.

pub(crate) mod http;
mod model;
mod passwords;
mod service;
pub(crate) mod system;

pub(crate) use model::Account;
pub use model::{Email, PersonName, User};
pub(crate) use model::{check_password, display_name, fold, look_up_key};
pub use passwords::{PasswordCost, Passwords, PasswordsBusy};
pub use service::Me;
pub(crate) use service::me;
pub use system::member_addresses;
