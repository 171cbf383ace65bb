//! The files of a backup: written with their checksums, and checked against them.

use std::path::{Component, Path, PathBuf};

use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufWriter};

use super::model::{BackupError, FORMAT, FileEntry, Manifest};

pub(super) const MANIFEST: &str = "manifest.json";
/// The manifest's own checksum: everything else is listed in the manifest.
const SEAL: &str = "manifest.blake3";

pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> BackupError + '_ {
    move |source| BackupError::Io { path: path.display().to_string(), source }
}

/// A file that is being written, with its checksum.
pub(super) struct Writer {
    file: BufWriter<File>,
    full: PathBuf,
    path: String,
    size: u64,
    hasher: blake3::Hasher,
}

impl Writer {
    /// Begins `path` in `folder`.
    pub(super) async fn create(folder: &Path, path: String) -> Result<Self, BackupError> {
        let full = folder.join(&path);
        let file = File::create_new(&full).await.map_err(io(&full))?;
        Ok(Self { file: BufWriter::new(file), full, path, size: 0, hasher: blake3::Hasher::new() })
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.file.write_all(bytes).await.map_err(io(&self.full))?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Makes the file durable.
    pub(super) async fn finish(mut self) -> Result<FileEntry, BackupError> {
        self.file.flush().await.map_err(io(&self.full))?;
        self.file.get_ref().sync_all().await.map_err(io(&self.full))?;
        Ok(FileEntry { path: self.path, size: self.size, blake3: self.hasher.finalize().to_hex().to_string() })
    }
}

/// Makes the folders of a new backup; the place must be empty.
pub(super) async fn prepare(folder: &Path) -> Result<(), BackupError> {
    tokio::fs::create_dir_all(folder).await.map_err(io(folder))?;
    let mut entries = tokio::fs::read_dir(folder).await.map_err(io(folder))?;
    if entries.next_entry().await.map_err(io(folder))?.is_some() {
        return Err(BackupError::Unfit(format!(
            "{} is not empty: a backup needs a folder of its own",
            folder.display()
        )));
    }
    for part in ["tables", "blobs"] {
        let part = folder.join(part);
        tokio::fs::create_dir(&part).await.map_err(io(&part))?;
    }
    Ok(())
}

/// Writes the manifest under another name first: it is there whole or not at all.
pub(super) async fn seal(folder: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    let text = serde_json::to_vec_pretty(manifest).map_err(|e| BackupError::Unfit(format!("manifest: {e}")))?;
    let mut seal = Writer::create(folder, SEAL.to_owned()).await?;
    seal.write(blake3::hash(&text).to_hex().as_bytes()).await?;
    seal.finish().await?;
    let mut writer = Writer::create(folder, format!("{MANIFEST}.part")).await?;
    writer.write(&text).await?;
    let part = writer.full.clone();
    writer.finish().await?;
    tokio::fs::rename(&part, folder.join(MANIFEST)).await.map_err(io(&part))?;
    // The names of the files must survive a power cut too, not only their contents.
    for directory in [folder.join("tables"), folder.join("blobs"), folder.to_path_buf()] {
        let handle = File::open(&directory).await.map_err(io(&directory))?;
        handle.sync_all().await.map_err(io(&directory))?;
    }
    Ok(())
}

/// Reads the manifest without looking at the files.
pub(super) async fn manifest(folder: &Path) -> Result<Manifest, BackupError> {
    let path = folder.join(MANIFEST);
    let text = match tokio::fs::read(&path).await {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let detail = format!("{} holds no finished backup: there is no {MANIFEST}", folder.display());
            return Err(BackupError::Unfit(detail));
        }
        Err(error) => return Err(io(&path)(error)),
    };
    let seal = tokio::fs::read_to_string(folder.join(SEAL)).await.unwrap_or_default();
    if seal.trim() != blake3::hash(&text).to_hex().as_str() {
        return Err(BackupError::Unfit(format!("{MANIFEST} is damaged: it is not what {SEAL} says")));
    }
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|e| BackupError::Unfit(format!("{MANIFEST} is damaged: {e}")))?;
    if manifest.format != FORMAT {
        return Err(BackupError::Unfit(format!(
            "the backup has layout {}, this version reads layout {FORMAT}",
            manifest.format
        )));
    }
    Ok(manifest)
}

/// Checks every file of the backup in `folder` against its checksum.
///
/// # Errors
/// [`BackupError::Unfit`] names every file that is missing or damaged.
pub async fn verify(folder: &Path) -> Result<Manifest, BackupError> {
    let manifest = manifest(folder).await?;
    let mut faults = Vec::new();
    for entry in manifest.tables.iter().map(|table| &table.file).chain(&manifest.blobs) {
        if let Err(fault) = check(folder, entry).await? {
            faults.push(format!("{} {fault}", entry.path));
        }
    }
    if faults.is_empty() {
        return Ok(manifest);
    }
    Err(BackupError::Unfit(format!("the backup is damaged: {}", faults.join("; "))))
}

async fn check(folder: &Path, entry: &FileEntry) -> Result<Result<(), &'static str>, BackupError> {
    // A manifest is somebody else's text: it must not lead out of the folder.
    if !Path::new(&entry.path).components().all(|part| matches!(part, Component::Normal(_))) {
        return Ok(Err("leads out of the backup"));
    }
    let full = folder.join(&entry.path);
    let mut file = match File::open(&full).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Err("is missing")),
        Err(error) => return Err(io(&full)(error)),
    };
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut buffer).await.map_err(io(&full))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    Ok(if hasher.finalize().to_hex().as_str() == entry.blake3 { Ok(()) } else { Err("does not match its checksum") })
}
