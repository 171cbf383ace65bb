//! Artifacts: files in a project's tree, and what kinds of content they are.

use rhiza_kernel::BlobId;

/// A file in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its path below the project's root.
    pub path: String,
    /// Its bytes.
    pub blob: BlobId,
    /// How many.
    pub size: u64,
    /// Their BLAKE3 hash.
    pub checksum: String,
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the folder.
    pub name: String,
    /// Its length in bytes; `None` for a folder.
    pub size: Option<u64>,
}

impl Entry {
    /// Whether it is a folder.
    #[must_use]
    pub const fn is_dir(&self) -> bool {
        self.size.is_none()
    }
}

/// The media types of what is usually logged, by the file's ending. Anything else is bytes.
const TYPES: &[(&str, &str)] = &[
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ipynb", "application/json"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("jsonl", "text/plain"),
    ("log", "text/plain"),
    ("md", "text/markdown"),
    ("mlmodel", "text/plain"),
    ("mlproject", "text/plain"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("py", "text/x-python"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("toml", "text/plain"),
    ("tsv", "text/tab-separated-values"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("xhtml", "application/xhtml+xml"),
    ("xml", "application/xml"),
    ("yaml", "text/plain"),
    ("yml", "text/plain"),
    ("zip", "application/zip"),
];

/// The media type of a file by its name.
#[must_use]
pub fn media_type(name: &str) -> &'static str {
    let ending = match name.rsplit_once('.') {
        Some((_, ending)) => ending.to_ascii_lowercase(),
        // MLflow's own files have no ending.
        None => name.to_ascii_lowercase(),
    };
    TYPES.iter().find(|(e, _)| *e == ending).map_or("application/octet-stream", |(_, kind)| kind)
}

/// The media type under which a browser may show the file in place: what could run script is shown as text.
#[must_use]
pub fn inline_type(name: &str) -> &'static str {
    match media_type(name) {
        "text/html"
        | "application/xhtml+xml"
        | "image/svg+xml"
        | "application/xml"
        | "text/javascript"
        | "text/css"
        | "text/x-python" => "text/plain; charset=utf-8",
        "text/plain" => "text/plain; charset=utf-8",
        "text/csv" => "text/csv; charset=utf-8",
        "text/markdown" => "text/markdown; charset=utf-8",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_shown_that_could_run() {
        for (name, kind) in [
            ("a.HTML", "text/plain; charset=utf-8"),
            ("a.svg", "text/plain; charset=utf-8"),
            ("a.png", "image/png"),
            ("MLmodel", "text/plain; charset=utf-8"),
            ("model.pkl", "application/octet-stream"),
            (".json", "application/json"),
        ] {
            assert_eq!(inline_type(name), kind, "{name}");
        }
    }
}
