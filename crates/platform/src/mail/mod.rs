//! Mail: letters that are written in the transaction of what they tell of, kept sealed until they have left, and sent by
//! a job that tries again while the mail server is away. A letter is delivered at least once; every attempt carries the
//! same Message-ID, by which a receiver knows a repetition.
//!
//! Without a mail server a development installation shows letters in its log and keeps them for the console.

mod http;
mod jobs;
mod model;
mod post;
mod render;
mod smtp;
mod store;
mod system;

pub use http::{MailsState, Recipients, router};
pub use jobs::{PURGE_SCHEDULE, Purge, SendMail};
pub use model::{Letter, MailFault, Template};
pub use post::{Post, PostOptions};
pub use smtp::{Delivery, Security, SmtpAddress, SmtpOptions, sender};
pub use store::SEALED;
