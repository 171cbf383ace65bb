//! Files of the three commands that work on tables and models alone.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use rhiza_learn::table::{Kind, Limits};
use rhiza_mlops::MlopsError;
use rhiza_mlops::files::{AnyModel, ReadTable, read_table};

use crate::error::Failure;

/// A fault of the table, the model or what was asked: the command could not do its work.
pub(super) fn failed(error: &MlopsError) -> Failure {
    Failure::failed(error.to_string())
}

/// The content of a file, or of standard input for `-`.
pub(super) fn content(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |e: std::io::Error| Failure::failed(format!("{}: {e}", path.display()));
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(unreadable)?;
        return Ok(bytes);
    }
    std::fs::read(path).map_err(unreadable)
}

/// The table of a file. What reading it left to say goes to standard error.
#[expect(clippy::print_stderr, reason = "the command line speaks to its user here")]
pub(super) fn table(path: &Path, kinds: &BTreeMap<String, Kind>) -> Result<ReadTable, Failure> {
    let read =
        read_table(&path.display().to_string(), content(path)?, kinds, Limits::default()).map_err(|e| failed(&e))?;
    for note in &read.notes {
        eprintln!("note: {note}");
    }
    Ok(read)
}

/// The model of a file.
pub(super) fn model(path: &Path) -> Result<AnyModel, Failure> {
    let bytes = content(path)?;
    AnyModel::read(&bytes).map_err(|e| Failure::failed(format!("{}: {e}", path.display())))
}

/// `COL=TYPE` as the command line says it.
pub(super) fn kinds(types: &[String]) -> Result<BTreeMap<String, Kind>, Failure> {
    let kind = |text: &String| {
        let (column, kind) = text.rsplit_once('=').ok_or_else(|| format!("{text:?} is not COL=TYPE"))?;
        let kind = match kind {
            "numeric" => Kind::Numeric,
            "boolean" => Kind::Boolean,
            "categorical" => Kind::Categorical,
            "datetime" => Kind::Datetime,
            "text" => Kind::Text,
            other => return Err(format!("{other:?} is no type: numeric, boolean, categorical, datetime or text")),
        };
        Ok((column.to_owned(), kind))
    };
    types.iter().map(kind).collect::<Result<_, String>>().map_err(Failure::usage)
}

/// Writes a file so that it is whole or not there: a full disk leaves no half of it under its name.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let unwritable = |e: std::io::Error| Failure::failed(format!("{}: {e}", path.display()));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = std::fs::write(&part, content).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() && part.exists() {
        std::fs::remove_file(&part).map_err(unwritable)?;
    }
    written.map_err(unwritable)
}

/// Work that keeps all processors busy, outside of the runtime's own threads.
pub(super) async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Failure::failed(format!("the work broke off: {e}")))?
}
