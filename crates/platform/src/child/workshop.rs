//! Where children work: a folder for each piece of work, which goes when the work is done.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rhiza_kernel::Env;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::model::{ChildError, ChildLimits};
use super::parent::{Children, Work};

/// Children, what each may use, and where they work. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Workshop(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    children: Children,
    limits: ChildLimits,
    env: Env,
    /// This process's own part of the root.
    folder: PathBuf,
    /// Says that this process lives. The system lets go of it even after a kill.
    _lock: File,
}

impl Workshop {
    /// A workshop below `root`. What processes left there that are no more is removed.
    ///
    /// # Errors
    /// When the folder cannot be made or cleared.
    pub fn open(root: &Path, children: Children, limits: ChildLimits, env: Env) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        // One at a time: between its making and its locking, a lock must not be taken for a dead one.
        let door = File::create(root.join("door"))?;
        door.lock()?;
        clear(root)?;
        let name = env.new_uuid().as_simple().to_string();
        let lock = File::create(root.join(format!("{name}.lock")))?;
        lock.lock()?;
        let folder = root.join(name);
        fs::create_dir(&folder)?;
        Ok(Self(Arc::new(Parts { children, limits, env, folder, _lock: lock })))
    }

    /// What a child may use unless its work says otherwise.
    #[must_use]
    pub fn limits(&self) -> ChildLimits {
        self.0.limits
    }

    /// A new, empty folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self) -> io::Result<WorkFolder> {
        let folder = self.0.folder.join(self.0.env.new_uuid().as_simple().to_string());
        fs::create_dir(&folder)?;
        Ok(WorkFolder(folder))
    }

    /// Has `work` done; see [`Children::run`].
    ///
    /// # Errors
    /// As there.
    pub async fn run<M, E, F, G>(&self, work: Work<'_>, cancelled: &CancellationToken, heard: F) -> Result<Value, E>
    where
        M: DeserializeOwned,
        E: From<ChildError>,
        F: FnMut(M) -> G + Send,
        G: Future<Output = Result<(), E>> + Send,
    {
        self.0.children.run(work, cancelled, heard).await
    }
}

/// Removes the folders of processes that are no more. Their locks go last: a folder without one would stay for ever.
fn clear(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.extension().is_none_or(|ending| ending != "lock") || File::open(&path)?.try_lock().is_err() {
            continue;
        }
        match fs::remove_dir_all(path.with_extension("")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::remove_file(&path)?,
        }
    }
    Ok(())
}

/// The folder of one piece of work. It goes with this value.
#[derive(Debug)]
pub struct WorkFolder(PathBuf);

impl WorkFolder {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, folder = %self.0.display(), "a work folder stays until the next start");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn open(root: &Path) -> Workshop {
        let limits = ChildLimits { memory: 1, processor: Duration::from_secs(1), file: 1, open_files: 1, threads: 1 };
        Workshop::open(root, Children::threads(&[]), limits, crate::runtime::system_env()).unwrap()
    }

    #[test]
    fn a_folder_goes_with_its_work_and_leftovers_with_their_process() {
        let root = tempfile::tempdir().unwrap();
        let (dead, living) = (open(root.path()), open(root.path()));
        let (left, kept) = (dead.folder().unwrap(), living.folder().unwrap());
        fs::write(left.path().join("data"), "x").unwrap();
        let path = left.path().to_path_buf();
        drop(living.folder().unwrap());
        assert_eq!(fs::read_dir(&living.0.folder).unwrap().count(), 1, "only what is in use");
        // As if it had been killed: its folder stays, its lock goes.
        std::mem::forget(left);
        drop(dead);
        assert!(path.exists());
        let third = open(root.path());
        assert!(!path.exists() && kept.path().exists());
        assert!(third.folder().unwrap().path().is_dir());
        // Two locks, two folders, and the door.
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 5);
    }
}
