//! Blobs as files. An upload goes to a file of its own under `tmp`, is flushed, and then renamed into place: either
//! the whole blob is there or nothing is.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use rhiza_kernel::{BlobId, TypedId as _};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::{BlobEntry, BlobError, BlobRead, StoredBlob, clamp, shard};

/// How much one read takes from a file: large enough that the hop to the blocking pool does not count.
const READ_CHUNK: usize = 512 * 1024;
/// Chunks in flight between the network and the disk.
const CHANNEL: usize = 16;

#[derive(Debug, Clone)]
pub(super) struct LocalBlobs {
    root: PathBuf,
}

impl LocalBlobs {
    pub(super) async fn open(root: PathBuf) -> Result<Self, BlobError> {
        blocking(move || {
            std::fs::create_dir_all(root.join("tmp"))?;
            Ok(Self { root })
        })
        .await
    }

    pub(super) async fn remove_leftovers(&self) -> Result<u64, BlobError> {
        let tmp = self.root.join("tmp");
        blocking(move || {
            let mut removed = 0;
            for entry in std::fs::read_dir(&tmp)? {
                let path = entry?.path();
                // Locked: another server of this folder is receiving it. Gone: that one has just finished it.
                let Ok(file) = File::open(&path) else { continue };
                if file.try_lock().is_ok() {
                    std::fs::remove_file(&path)?;
                    removed += 1;
                }
            }
            Ok(removed)
        })
        .await
    }

    fn path(&self, id: BlobId) -> PathBuf {
        let (shard, name) = shard(id);
        self.root.join(shard).join(name)
    }

    pub(super) async fn put<S, E>(&self, id: BlobId, body: S, limit: Option<u64>) -> Result<StoredBlob, BlobError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: std::fmt::Display,
    {
        let (sender, receiver) = mpsc::channel(CHANNEL);
        let temporary = self.root.join("tmp").join(id.uuid().as_simple().to_string());
        let target = self.path(id);
        let writer = spawn_blocking(move || write(receiver, &temporary, &target));
        let fed = feed(body, limit, sender).await;
        let written = writer.await.map_err(|e| BlobError::Io(std::io::Error::other(e)))?;
        fed?;
        let (size, checksum) = written?;
        Ok(StoredBlob { id, size, checksum })
    }

    pub(super) async fn get(&self, id: BlobId, range: Option<Range<u64>>) -> Result<BlobRead, BlobError> {
        let path = self.path(id);
        let (file, size, range) = blocking(move || {
            let mut file = File::open(&path).map_err(not_found)?;
            let size = file.metadata()?.len();
            let range = clamp(range, size)?;
            file.seek(SeekFrom::Start(range.start))?;
            Ok((file, size, range))
        })
        .await?;
        let left = range.end - range.start;
        let stream = futures::stream::try_unfold((file, left), |(file, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            blocking(move || {
                let (chunk, file) = read_chunk(file, left)?;
                let rest = left - chunk.len() as u64;
                Ok(Some((chunk, (file, rest))))
            })
            .await
        });
        Ok(BlobRead { size, range, stream: stream.boxed() })
    }

    pub(super) async fn head(&self, id: BlobId) -> Result<BlobEntry, BlobError> {
        let path = self.path(id);
        blocking(move || {
            let metadata = std::fs::metadata(&path).map_err(not_found)?;
            Ok(BlobEntry { id, size: metadata.len(), modified: metadata.modified()?.into() })
        })
        .await
    }

    pub(super) async fn delete(&self, id: BlobId) -> Result<(), BlobError> {
        let path = self.path(id);
        blocking(move || match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e.into()),
            _ => Ok(()),
        })
        .await
    }

    pub(super) fn list(&self) -> BoxStream<'static, Result<BlobEntry, BlobError>> {
        let root = self.root.clone();
        // One folder of the 256 at a time, so that a listing of millions of blobs stays small in memory.
        futures::stream::iter(0..=u8::MAX)
            .then(move |shard| {
                let folder = root.join(format!("{shard:02x}"));
                blocking(move || list_folder(&folder))
            })
            .flat_map(|folder| match folder {
                Ok(entries) => futures::stream::iter(entries.into_iter().map(Ok).collect::<Vec<_>>()),
                Err(e) => futures::stream::iter(vec![Err(e)]),
            })
            .boxed()
    }

    pub(super) async fn ping(&self) -> Result<(), BlobError> {
        let probe = self.root.join("tmp");
        blocking(move || Ok(std::fs::metadata(&probe).map(|_| ())?)).await
    }
}

/// Passes the body on to the writing thread. Dropping the sender without the closing `None` tells it to discard.
async fn feed<S, E>(body: S, limit: Option<u64>, sender: mpsc::Sender<Option<Bytes>>) -> Result<(), BlobError>
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: std::fmt::Display,
{
    let mut body = pin!(body);
    let mut size = 0_u64;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|e| BlobError::Interrupted(e.to_string()))?;
        size += chunk.len() as u64;
        if let Some(limit) = limit.filter(|limit| size > *limit) {
            return Err(BlobError::TooLarge { limit });
        }
        if sender.send(Some(chunk)).await.is_err() {
            // The writer has stopped; its own error says why.
            return Ok(());
        }
    }
    // A failed send means the same.
    sender.send(None).await.ok();
    Ok(())
}

fn write(
    mut chunks: mpsc::Receiver<Option<Bytes>>,
    temporary: &Path,
    target: &Path,
) -> Result<(u64, String), BlobError> {
    let result = write_temporary(&mut chunks, temporary).and_then(|written| {
        let folder = target.parent().unwrap_or(target);
        if !folder.is_dir() {
            std::fs::create_dir_all(folder)?;
            sync_folder(folder.parent().unwrap_or(folder))?;
        }
        std::fs::rename(temporary, target)?;
        // The rename itself must survive power loss too.
        sync_folder(folder)?;
        Ok(written)
    });
    if result.is_err() {
        // The upload has failed already; a file left behind is removed when the server starts next.
        std::fs::remove_file(temporary).ok();
    }
    result
}

fn write_temporary(chunks: &mut mpsc::Receiver<Option<Bytes>>, temporary: &Path) -> Result<(u64, String), BlobError> {
    let mut file = File::create_new(temporary)?;
    // Tells other processes that this is no leftover; the lock ends with the process, however that ends.
    file.lock()?;
    let mut hasher = blake3::Hasher::new();
    let mut size = 0_u64;
    loop {
        match chunks.blocking_recv() {
            Some(Some(chunk)) => {
                hasher.update(&chunk);
                file.write_all(&chunk)?;
                size += chunk.len() as u64;
            }
            Some(None) => break,
            None => return Err(BlobError::Interrupted("the sender went away".to_owned())),
        }
    }
    file.sync_data()?;
    Ok((size, hasher.finalize().to_hex().to_string()))
}

fn sync_folder(folder: &Path) -> Result<(), BlobError> {
    Ok(File::open(folder)?.sync_all()?)
}

fn read_chunk(mut file: File, left: u64) -> Result<(Bytes, File), BlobError> {
    let want = usize::try_from(left).unwrap_or(usize::MAX).min(READ_CHUNK);
    let mut buffer = BytesMut::zeroed(want);
    file.read_exact(&mut buffer)?;
    Ok((buffer.freeze(), file))
}

fn list_folder(folder: &Path) -> Result<Vec<BlobEntry>, BlobError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e.into()),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        // A foreign file in the folder is not ours to list or to collect.
        let Some(id) = entry.file_name().to_str().and_then(|name| uuid::Uuid::try_parse(name).ok()) else { continue };
        let metadata = entry.metadata()?;
        found.push(BlobEntry {
            id: BlobId::from_uuid(id),
            size: metadata.len(),
            modified: metadata.modified()?.into(),
        });
    }
    Ok(found)
}

fn not_found(error: std::io::Error) -> BlobError {
    if error.kind() == std::io::ErrorKind::NotFound { BlobError::NotFound } else { error.into() }
}

async fn blocking<T, F>(work: F) -> Result<T, BlobError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, BlobError> + Send + 'static,
{
    spawn_blocking(work).await.map_err(|e| BlobError::Io(std::io::Error::other(e)))?
}
