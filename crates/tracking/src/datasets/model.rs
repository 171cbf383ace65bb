//! Datasets, their versions, and what may become of them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rhiza_kernel::{DatasetId, JobId};
use rhiza_learn::table::Kind;
use serde::{Deserialize, Serialize};

/// Types that people chose for columns, by name.
pub type Types = BTreeMap<String, Kind>;

/// Longest name, in characters.
const NAME_MAX: usize = 200;
/// Longest description, in characters.
pub(super) const DESCRIPTION_MAX: usize = 10_000;

/// A dataset: a name, and the newest of its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its id.
    pub id: DatasetId,
    /// Its name, unique in its project.
    pub name: String,
    /// What it is, in somebody's words.
    pub description: String,
    /// The number of its newest version.
    pub latest: i64,
    /// Grows with each change of name or description.
    pub revision: i64,
    /// The id of who made it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it last changed; a new version is a change.
    pub updated_at: DateTime<Utc>,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Comma-separated values, or separated by another sign.
    Csv,
    /// JSON Lines: an object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC, as a file or a stream.
    Arrow,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Csv, Self::Jsonl, Self::Parquet, Self::Arrow];

    /// As stored, and as the ending of a file's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }

    /// What the first bytes give away; text that is no object is taken for CSV.
    #[must_use]
    pub fn of(start: &[u8]) -> Self {
        let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
        match start {
            [b'P', b'A', b'R', b'1', ..] => Self::Parquet,
            [b'A', b'R', b'R', b'O', b'W', b'1', ..] | [0xff, 0xff, 0xff, 0xff, ..] => Self::Arrow,
            _ if text.trim_ascii_start().first() == Some(&b'{') => Self::Jsonl,
            _ => Self::Csv,
        }
    }
}

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its bytes are on the way, or looked at.
    Reading,
    /// It can be used.
    Ready,
    /// It cannot be read; the reason is there.
    Failed,
}

impl State {
    const ALL: [Self; 3] = [Self::Reading, Self::Ready, Self::Failed];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Where a version's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// Somebody sent them.
    Upload {
        /// What the file was called.
        file: Option<String>,
    },
    /// They were fetched.
    Url {
        /// From where; without its query, which may be a secret.
        url: String,
    },
    /// A run's file.
    Artifact {
        /// The run.
        run_id: String,
        /// The file, from the root of the run's files.
        path: String,
    },
    /// They are another version's, whose columns are read as other types.
    Types,
}

/// A version.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Of which dataset.
    pub dataset: DatasetId,
    /// From 1.
    pub number: i64,
    /// Where it stands.
    pub state: State,
    /// Why it cannot be read.
    pub error: Option<String>,
    /// Where its bytes come from.
    pub source: Source,
    /// The version it was made from.
    pub parent: Option<i64>,
    /// Types that people chose; the others are found out.
    pub types: BTreeMap<String, Kind>,
    /// How its file is written: as somebody said, or as was found out.
    pub format: Option<Format>,
    /// The BLAKE3 hash of its bytes.
    pub digest: Option<String>,
    /// Where its bytes are.
    pub(crate) path: Option<String>,
    /// How many they are.
    pub size: Option<i64>,
    /// Rows.
    pub rows: Option<i64>,
    /// Columns.
    pub columns: Option<i64>,
    /// How little work it still needs, 0 to 100.
    pub quality: Option<f64>,
    /// The job that reads it.
    pub job: Option<JobId>,
    /// The id of who made it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was read.
    pub read_at: Option<DateTime<Utc>>,
}

impl Version {
    /// What a file of it is called.
    #[must_use]
    pub fn file_name(&self, dataset: &str) -> String {
        let ending = self.format.map_or("bin", Format::as_str);
        format!("{dataset}-v{}.{ending}", self.number)
    }

    /// Whether bytes with this digest, said to be of `format`, are this version's.
    pub(super) fn is_of(&self, digest: &str, format: Option<Format>) -> bool {
        let same_format = format.is_none() || self.format.is_none() || format == self.format;
        self.state != State::Failed && same_format && self.digest.as_deref() == Some(digest)
    }
}

/// A dataset's name as it is kept, or why it is none.
pub(super) fn name(text: &str) -> Result<String, &'static str> {
    let name = text.trim();
    if name.is_empty() {
        return Err("must not be empty");
    }
    if name.chars().count() > NAME_MAX {
        return Err("must have at most 200 characters");
    }
    if name.chars().any(char::is_control) {
        return Err("must not have control characters");
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_format() {
        for (start, format) in [
            (&b"PAR1\x15"[..], Format::Parquet),
            (b"ARROW1\0\0", Format::Arrow),
            (b"\xff\xff\xff\xff\x10", Format::Arrow),
            (b"{\"a\":1}", Format::Jsonl),
            (b"\xef\xbb\xbf\n {", Format::Jsonl),
            (b"a,b\n1,2\n", Format::Csv),
            (b"", Format::Csv),
        ] {
            assert_eq!(Format::of(start), format, "{start:?}");
        }
    }

    #[test]
    fn a_name_is_visible_and_short() {
        assert_eq!(name("  iris \n").unwrap(), "iris");
        assert_eq!(name(&"ü".repeat(200)).unwrap().chars().count(), 200);
        for bad in ["", " \t", "a\nb", &"x".repeat(201)] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
