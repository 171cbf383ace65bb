//! Copying the files of runs and logged models, one stream at a time: through the source's artifact proxy, or where it
//! has none by the calls with which its own pages show files.

use futures::StreamExt as _;
use reqwest::Response;
use rhiza_tracking::importer::model::OwnerKind;
use rhiza_tracking::{Code, TrackingError, TrackingResult};
use url::Url;

use crate::commands::import_client::{Called, Source, chain};
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
        let root = proxied(uri);
        let store = store_of(uri);
        if self.closed.contains(&store) {
            self.leave(of, id, uri);
            return Ok(Ok(()));
        }
        let tree = Tree { of, id, root: root.as_deref() };
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let listed = match tree.list(&self.source, &folder).await {
                Ok(listed) => listed,
                Err(error) if root.is_none() && error.status.is_some() => {
                    // The server cannot read there. It will not be asked for each run anew.
                    self.closed.insert(store);
                    self.leave(of, id, uri);
                    return Ok(Ok(()));
                }
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
                    self.refuse("folder", &join(uri, &below), "it lies too deep");
                } else if file.is_dir {
                    folders.push(below);
                } else if let Err(error) = self.file(&tree, &below, file.file_size.map(|n| n.0)).await? {
                    self.refused("file", &join(uri, &below), error)?;
                }
            }
        }
        Ok(Ok(()))
    }

    fn leave(&mut self, of: OwnerKind, id: &str, uri: &str) {
        self.tally.unproxied.push(format!("{} {id}, which stay at {uri}", word(of)));
    }

    async fn file(&mut self, tree: &Tree<'_>, path: &str, size: Option<i64>) -> Result<TrackingResult<()>, Failure> {
        let size = size.and_then(|size| u64::try_from(size).ok());
        let place = match self.transfer.place_for(tree.of, tree.id, path, size).await {
            Ok(Some(place)) => place,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        for attempt in 1.. {
            let response = match tree.download(&self.source, path).await {
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

/// The files of one run or model in the source.
struct Tree<'a> {
    of: OwnerKind,
    id: &'a str,
    /// Where they are behind the proxy.
    root: Option<&'a str>,
}

impl Tree<'_> {
    async fn list(&self, source: &Source, folder: &str) -> Called<FileList> {
        match (self.root, self.of) {
            (Some(root), _) => {
                source.get(&["mlflow-artifacts", "artifacts"], &[("path", join(root, folder).as_str())]).await
            }
            (None, OwnerKind::Run) => {
                let query = [("run_id", self.id), ("path", folder)];
                source.get(&["mlflow", "artifacts", "list"], below_root(&query, folder)).await
            }
            (None, OwnerKind::Model) => {
                let path = ["mlflow", "logged-models", self.id, "artifacts", "directories"];
                source.get(&path, below_root(&[("artifact_directory_path", folder)], folder)).await
            }
        }
    }

    async fn download(&self, source: &Source, path: &str) -> Called<Response> {
        match (self.root, self.of) {
            (Some(root), _) => {
                let whole = join(root, path);
                let parts = whole.split('/').filter(|part| !part.is_empty());
                let call: Vec<&str> =
                    ["api", "2.0", "mlflow-artifacts", "artifacts"].into_iter().chain(parts).collect();
                source.download(&call, &[]).await
            }
            (None, OwnerKind::Run) => source.download(&["get-artifact"], &[("run_id", self.id), ("path", path)]).await,
            (None, OwnerKind::Model) => {
                let call = ["ajax-api", "2.0", "mlflow", "logged-models", self.id, "artifacts", "files"];
                source.download(&call, &[("artifact_file_path", path)]).await
            }
        }
    }
}

/// The query without its last part when that would name the root by an empty path.
fn below_root<'q, 's>(query: &'q [(&'s str, &'s str)], folder: &str) -> &'q [(&'s str, &'s str)] {
    if folder.is_empty() { query.split_last().map_or(query, |(_, rest)| rest) } else { query }
}

/// What tells one store from another: scheme and host.
fn store_of(uri: &str) -> String {
    Url::parse(uri)
        .map_or_else(|_| String::new(), |url| format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()))
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
