//! Durable jobs: anything that outlives a request. A job is a row; a worker leases it, proves with heartbeats that it is
//! alive, and settles it. The lease carries a fencing token that grows with every claim, so a worker that was presumed
//! dead and comes back can neither report progress nor settle: its token is no longer the row's.

mod http;
mod model;
mod store;
mod system;
mod worker;

pub use http::{JobsState, router};
pub use model::{Enqueued, Job, JobError, JobState, NewJob, Outcome, RetryPolicy, Schedule};
pub use store::{Cancelled, Listing, cancel, enqueue, enqueue_within, get, list};
pub use system::{Beat, Lease, beat, claim, fire_schedules, recover, settle};
pub use worker::{JobContext, JobHandler, Worker, WorkerOptions};
