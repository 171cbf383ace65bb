//! Loading the worked example into a project.

use crate::error::{TrackingError, TrackingResult};
use crate::importer::{self, Imported};
use crate::protocol::Caller;
use crate::state::TrackingState;

/// The file that `fixtures/example/make_example.py` made.
const FILE: &[u8] = include_bytes!("../../../../fixtures/example/breast_cancer.rhiza");
/// Under which name the import is noted. A new file gets a new name.
const SOURCE: &str = "example:breast-cancer:1";

/// Loads the example, unless the project has it.
pub(super) async fn load(state: &TrackingState, caller: &Caller) -> TrackingResult<Imported> {
    let (_, entries) = importer::read(FILE).map_err(|e| TrackingError::Internal(format!("the worked example: {e}")))?;
    importer::load(state, caller, SOURCE, &entries).await
}
