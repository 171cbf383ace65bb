//! The parts of the outside world that are handed in: the real clock, the real randomness, and the tasks that shutdown
//! waits for.

mod env;
mod tasks;

pub use env::system_env;
pub use tasks::Tasks;
