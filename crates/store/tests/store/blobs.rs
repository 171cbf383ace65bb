//! Blobs on local disk and on the S3 server of `RHIZA_TEST_S3_ENDPOINT`: the same body for both.
#![expect(clippy::disallowed_methods, reason = "the environment says where the test server is")]

use std::future::Future;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use rhiza_kernel::{BlobId, TypedId as _};
use rhiza_store::{BlobError, BlobOptions, Blobs, S3Options};

fn id(n: u128) -> BlobId {
    BlobId::from_uuid(uuid::Uuid::from_u128(n))
}

fn body(chunks: Vec<Vec<u8>>) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send {
    futures::stream::iter(chunks.into_iter().map(|c| Ok(Bytes::from(c))))
}

async fn bytes(blobs: &Blobs, id: BlobId, range: Option<std::ops::Range<u64>>) -> Vec<u8> {
    let read = blobs.get(id, range).await.unwrap();
    read.stream
        .try_fold(Vec::new(), |mut all, chunk| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await
        .unwrap()
}

fn on_local<Fut: Future<Output = ()>>(test: impl FnOnce(Blobs) -> Fut) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        test(Blobs::open(&BlobOptions::Local(folder.path().join("blobs"))).await.unwrap()).await;
    });
}

fn on_s3<Fut: Future<Output = ()>>(name: &str, test: impl FnOnce(Blobs) -> Fut) {
    let Ok(endpoint) = std::env::var("RHIZA_TEST_S3_ENDPOINT") else {
        assert!(
            std::env::var("RHIZA_TEST_SKIP_S3").is_ok_and(|v| v == "1"),
            "RHIZA_TEST_S3_ENDPOINT is not set: run the tests through `make test`"
        );
        return;
    };
    let var = |name: &str| std::env::var(name).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let options = S3Options {
            bucket: var("RHIZA_TEST_S3_BUCKET"),
            prefix: format!("store-{}-{name}", std::process::id()),
            endpoint: Some(endpoint),
            region: std::env::var("AWS_REGION").unwrap_or_else(|_| "us-east-1".to_owned()),
            access_key_id: Some(var("AWS_ACCESS_KEY_ID")),
            secret_access_key: Some(var("AWS_SECRET_ACCESS_KEY")),
            path_style: true,
        };
        test(Blobs::open(&BlobOptions::S3(options)).await.unwrap()).await;
    });
}

async fn round_trip(blobs: Blobs) {
    let content: Vec<u8> = (0..20_000_000_u32).map(|i| (i % 251) as u8).collect();
    let chunks = content.chunks(70_000).map(<[u8]>::to_vec).collect();
    let stored = blobs.put(id(1), body(chunks), None).await.unwrap();
    assert_eq!(stored.size, 20_000_000);
    assert_eq!(stored.checksum, blake3::hash(&content).to_hex().to_string());
    assert!(bytes(&blobs, id(1), None).await == content);
    assert_eq!(bytes(&blobs, id(1), Some(9_999_990..10_000_010)).await, content[9_999_990..10_000_010]);
    assert_eq!(bytes(&blobs, id(1), Some(19_999_999..u64::MAX)).await, content[19_999_999..]);
    let behind = blobs.get(id(1), Some(20_000_000..20_000_001)).await.err().unwrap();
    assert!(matches!(behind, BlobError::Range { size: 20_000_000 }), "{behind}");

    blobs.put(id(2), body(vec![]), None).await.unwrap();
    assert!(bytes(&blobs, id(2), None).await.is_empty());
    let mut listed: Vec<BlobId> = blobs.list().map(|e| e.unwrap().id).collect().await;
    listed.sort();
    assert_eq!(listed, [id(1), id(2)]);

    blobs.delete(id(1)).await.unwrap();
    blobs.delete(id(1)).await.unwrap();
    assert!(matches!(blobs.get(id(1), None).await.err().unwrap(), BlobError::NotFound));
}

async fn broken_uploads(blobs: Blobs) {
    let broken = futures::stream::iter(vec![
        Ok(Bytes::from(vec![1_u8; 9_000_000])),
        Err(std::io::Error::other("connection reset")),
    ]);
    let error = blobs.put(id(7), broken, None).await.unwrap_err();
    assert!(matches!(error, BlobError::Interrupted(_)), "{error}");
    let error = blobs.put(id(8), body(vec![vec![0; 60], vec![0; 60]]), Some(100)).await.unwrap_err();
    assert!(matches!(error, BlobError::TooLarge { limit: 100 }), "{error}");
    for gone in [id(7), id(8)] {
        assert!(matches!(blobs.head(gone).await.unwrap_err(), BlobError::NotFound));
    }
    assert_eq!(blobs.list().count().await, 0);
}

#[test]
fn a_blob_comes_back_whole_and_in_part_from_disk() {
    on_local(round_trip);
}

#[test]
fn a_blob_comes_back_whole_and_in_part_from_s3() {
    on_s3("trip", round_trip);
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing_on_disk() {
    on_local(broken_uploads);
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing_on_s3() {
    on_s3("broken", broken_uploads);
}

#[test]
fn an_upload_in_parts_becomes_one_blob_on_s3() {
    on_s3("parts", |blobs| async move {
        let (upload, addresses) = blobs.multipart_create(id(3), 2, std::time::Duration::from_secs(60)).await.unwrap();
        assert_eq!(addresses.len(), 2);
        assert!(addresses[1].contains("partNumber=2"), "{}", addresses[1]);
        blobs.multipart_abort(id(3), &upload).await.unwrap();
        assert!(matches!(blobs.head(id(3)).await.unwrap_err(), BlobError::NotFound));
        assert!(
            blobs.presign_get(id(3), std::time::Duration::from_secs(60)).await.unwrap().contains("X-Amz-Signature")
        );
    });
}

#[tokio::test]
async fn only_uploads_that_nobody_sends_any_more_are_leftovers() {
    let folder = tempfile::tempdir().unwrap();
    let options = BlobOptions::Local(folder.path().to_path_buf());
    let (first, second) = (Blobs::open(&options).await.unwrap(), Blobs::open(&options).await.unwrap());
    std::fs::write(folder.path().join("tmp").join("killed"), b"half").unwrap();
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let body = futures::stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    let upload = first.put(id(1), body, None);
    let cleaning = async {
        sender.send(Ok(Bytes::from_static(b"whole "))).await.unwrap();
        while std::fs::read_dir(folder.path().join("tmp")).unwrap().count() < 2 {
            tokio::task::yield_now().await;
        }
        // The other server of this folder starts in the middle of it.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(second.remove_leftovers().await.unwrap(), 1);
        sender.send(Ok(Bytes::from_static(b"upload"))).await.unwrap();
        drop(sender);
    };
    let (stored, ()) = futures::join!(upload, cleaning);
    assert_eq!(stored.unwrap().size, 12);
    assert_eq!(bytes(&second, id(1), None).await, b"whole upload");
}
