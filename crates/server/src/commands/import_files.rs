//! Copying the files of runs and logged models through the source's artifact proxy, one stream at a time.

use futures::StreamExt as _;
use rhiza_tracking::importer::model::OwnerKind;
use rhiza_tracking::{Code, TrackingError, TrackingResult};
use url::Url;

use crate::commands::import_client::chain;
use crate::commands::import_copy::{Copy, word};
use crate::commands::import_wire::FileList;
use crate::error::Failure;

/// How often a download that breaks off in the middle is begun.
const DOWNLOADS: u32 = 3;
/// How deep folders may lie in each other: a proxy over a tree with a loop must not keep us forever.
const DEEPEST: usize = 64;

impl Copy {
    /// Copies every file of a run or model. The inner failure concerns this owner only.
    pub(super) async fn files(&mut self, of: OwnerKind, id: &str, uri: &str) -> Result<TrackingResult<()>, Failure> {
        let Some(root) = proxied(uri) else {
            self.tally.unproxied.push(format!("{} {id}, which stay at {uri}", word(of)));
            return Ok(Ok(()));
        };
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let at = join(&root, &folder);
            let path = ["mlflow-artifacts", "artifacts"];
            let listed = match self.source.get::<FileList>(&path, &[("path", at.as_str())]).await {
                Ok(listed) => listed,
                // The proxy is off, or keeps this tree from us: other trees may be open.
                Err(error) if error.is_absent() => {
                    self.tally.unproxied.push(format!("{} {id}: {error}", word(of)));
                    return Ok(Ok(()));
                }
                Err(error) => return Err(error.into()),
            };
            for file in listed.files {
                // Some stores tell whole paths, some names.
                let name = file.path.rsplit('/').next().unwrap_or_default();
                let below = join(&folder, name);
                if file.is_dir && below.split('/').count() > DEEPEST {
                    self.refuse("folder", &join(&at, name), "it lies too deep");
                } else if file.is_dir {
                    folders.push(below);
                } else if let Err(error) = self.file(of, id, &root, &below, file.file_size.map(|n| n.0)).await? {
                    self.refused("file", &join(&at, name), error)?;
                }
            }
        }
        Ok(Ok(()))
    }

    async fn file(
        &mut self,
        of: OwnerKind,
        id: &str,
        root: &str,
        path: &str,
        size: Option<i64>,
    ) -> Result<TrackingResult<()>, Failure> {
        let size = size.and_then(|size| u64::try_from(size).ok());
        let place = match self.transfer.place_for(of, id, path, size).await {
            Ok(Some(place)) => place,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        for attempt in 1.. {
            let response = self.source.download(&join(root, path)).await;
            let response = match response {
                Ok(response) => response,
                Err(error) if error.is_absent() => return Ok(Err(TrackingError::missing(error.message))),
                Err(error) => return Err(error.into()),
            };
            let body = response.bytes_stream().map(|part| part.map_err(|e| chain(&e)));
            match self.transfer.file(&place, body).await {
                Ok(stored) => {
                    self.tally.files += 1;
                    self.tally.bytes += stored;
                    break;
                }
                Err(error) if attempt < DOWNLOADS && error.mlflow_code() == Code::BadRequest => {
                    tracing::debug!(%error, path, "a download broke off and is begun again");
                }
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(()))
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The path behind the server's proxy that a place means; `None` when it is in a store the server does not hand out.
fn proxied(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let path = match url.scheme() {
        "mlflow-artifacts" => url.path(),
        // As a server wrote it that was given its own address as the place of artifacts.
        "http" | "https" => url.path().split_once("/mlflow-artifacts/artifacts/")?.1,
        _ => return None,
    };
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
    let path = decoded.trim_matches('/');
    (!path.is_empty()).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_proxied_places_have_a_path() {
        for (uri, path) in [
            ("mlflow-artifacts:/1/r/artifacts", Some("1/r/artifacts")),
            ("mlflow-artifacts://host:5000/1/r%20x/artifacts/", Some("1/r x/artifacts")),
            ("http://h/api/2.0/mlflow-artifacts/artifacts/1/r/artifacts", Some("1/r/artifacts")),
            ("http://h/other", None),
            ("s3://bucket/1/r/artifacts", None),
            ("file:///mlruns/1", None),
            ("/mlruns/1", None),
        ] {
            assert_eq!(proxied(uri).as_deref(), path, "{uri}");
        }
    }
}
