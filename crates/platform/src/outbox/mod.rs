//! The outbox: events written in the transaction of the change they tell of, so that neither can exist without the
//! other. CloudEvents 1.0, in order per subject.

mod model;
mod store;

pub use model::{CloudEvent, Event};
pub use store::{emit, of_subject};
