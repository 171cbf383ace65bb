//! A backup restores into either database, finds damage, and refuses a place that is in use.

use std::convert::Infallible;
use std::path::Path;

use bytes::Bytes;
use futures::StreamExt as _;
use rhiza_kernel::{BlobId, ProjectScope};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::Caller;
use rhiza_platform::backup::{self, BackupError, Manifest};
use rhiza_platform::jobs::{self, NewJob};
use rhiza_platform::outbox::{self, Event};
use rhiza_store::{BlobOptions, Blobs, Db, DbOptions, DbUrl};
use rhiza_testkit::TestDb;
use serde_json::json;

use super::SETS;

async fn open_blobs(folder: &Path) -> Blobs {
    Blobs::open(&BlobOptions::Local(folder.to_path_buf())).await.unwrap()
}

async fn fill(db: &TestDb, blobs: &Blobs) -> (ProjectScope, BlobId) {
    let scope = db.tenant();
    let org = scope.org_scope();
    for i in 0..3 {
        let tx = db.write(&org).await;
        let input = json!({"i": i, "text": "ü \" \\ \n", "float": 0.1, "big": i64::MAX, "none": null});
        jobs::enqueue(&tx, NewJob::new("k", input.clone()).scope(scope).dedupe(format!("d{i}")), &db.env)
            .await
            .unwrap();
        outbox::emit(&tx, &org, Event::new("rhiza.a.b.c", "s").data(&input), &db.env).await.unwrap();
        audit::record(&tx, &org, Entry::new(&Caller::system(), "a.b", "s").after(&input), &db.env).await.unwrap();
        tx.commit().await.unwrap();
    }
    let id = db.env.new_id();
    let body = futures::stream::iter([Ok::<_, Infallible>(Bytes::from(vec![7; 300_000]))]);
    blobs.put(id, body, None).await.unwrap();
    (scope, id)
}

async fn wipe(db: &Db) {
    let tx = db.system_write().await.unwrap();
    for table in ["jobs", "outbox", "outbox_subjects", "audit_entries", "audit_heads"] {
        tx.execute(&format!("DELETE FROM {table}"), Vec::new()).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn second_database(db: &TestDb) -> Db {
    let mut second = Db::open(&DbOptions::new(DbUrl::Sqlite(db.folder.path().join("second.db")))).await.unwrap();
    second.migrate(SETS).await.unwrap();
    second
}

fn rows(manifest: &Manifest) -> Vec<(String, u64)> {
    manifest.tables.iter().map(|t| (t.name.clone(), t.rows)).collect()
}

async fn assert_whole(db: &Db, scope: &ProjectScope) {
    let reports = audit::verify_all(db).await.unwrap();
    assert_eq!((reports.len(), reports[0].entries, reports[0].faults.as_slice()), (1, 3, [].as_slice()));
    let tx = db.read(&scope.org_scope()).await.unwrap();
    let listed = jobs::list(&tx, scope, &jobs::Listing::default(), 10).await.unwrap();
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|job| job.input["big"] == json!(i64::MAX) && job.input["text"] == json!("ü \" \\ \n")));
    let events = outbox::of_subject(&tx, &scope.org_scope(), "s", 0, 10).await.unwrap();
    assert_eq!(events.iter().map(|e| e.data["i"].as_i64().unwrap()).collect::<Vec<_>>(), [0, 1, 2]);
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn a_backup_goes_to_sqlite_and_back(db: TestDb) {
        let folder = db.folder.path();
        let blobs = open_blobs(&folder.join("blobs-1")).await;
        let (scope, blob) = fill(&db, &blobs).await;
        let first = folder.join("backup-1");
        let made = backup::create(&db.db, &blobs, &blobs, SETS, &first, &db.env).await.unwrap();
        assert_eq!(backup::verify(&first).await.unwrap(), made);

        let second = second_database(&db).await;
        let other_blobs = open_blobs(&folder.join("blobs-2")).await;
        backup::restore(&second, &other_blobs, SETS, &first).await.unwrap();
        assert_whole(&second, &scope).await;
        let read = other_blobs.get(blob, None).await.unwrap();
        let bytes: Vec<u8> = read.stream.map(|c| c.unwrap().to_vec()).collect::<Vec<_>>().await.concat();
        assert_eq!(bytes, vec![7; 300_000]);

        let again = folder.join("backup-2");
        let remade = backup::create(&second, &other_blobs, &other_blobs, SETS, &again, &db.env).await.unwrap();
        assert_eq!(rows(&remade), rows(&made));
        assert_eq!(remade.blobs, made.blobs);
        wipe(&db.db).await;
        let third_blobs = open_blobs(&folder.join("blobs-3")).await;
        backup::restore(&db.db, &third_blobs, SETS, &again).await.unwrap();
        assert_whole(&db.db, &scope).await;
        second.close().await.unwrap();

        // Life goes on where it stopped: keys, numbers and times continue.
        let tx = db.write(&scope.org_scope()).await;
        outbox::emit(&tx, &scope.org_scope(), Event::new("rhiza.a.b.c", "s"), &db.env).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(jobs::claim(&db.db, "w", &["k"], 9, std::time::Duration::from_secs(9), &db.env).await.unwrap().len(), 3);
    }

    async fn a_backup_restores_into_its_own_engine(db: TestDb) {
        let folder = db.folder.path();
        let blobs = open_blobs(&folder.join("blobs-1")).await;
        let (scope, _) = fill(&db, &blobs).await;
        let place = folder.join("backup");
        backup::create(&db.db, &blobs, &blobs, SETS, &place, &db.env).await.unwrap();
        let refused = backup::restore(&db.db, &open_blobs(&folder.join("blobs-2")).await, SETS, &place).await;
        assert!(matches!(refused, Err(BackupError::Unfit(why)) if why.contains("not empty")));
        wipe(&db.db).await;
        let refused = backup::restore(&db.db, &blobs, SETS, &place).await;
        assert!(matches!(refused, Err(BackupError::Unfit(why)) if why.contains("blob storage is not empty")));
        backup::restore(&db.db, &open_blobs(&folder.join("blobs-3")).await, SETS, &place).await.unwrap();
        assert_whole(&db.db, &scope).await;
        let refused = backup::create(&db.db, &blobs, &blobs, SETS, &place, &db.env).await;
        assert!(matches!(refused, Err(BackupError::Unfit(why)) if why.contains("not empty")));
    }

    async fn damage_is_found_and_nothing_is_restored(db: TestDb) {
        let folder = db.folder.path();
        let blobs = open_blobs(&folder.join("blobs-1")).await;
        let (_, blob) = fill(&db, &blobs).await;
        let place = folder.join("backup");
        backup::create(&db.db, &blobs, &blobs, SETS, &place, &db.env).await.unwrap();
        let table = place.join("tables/jobs.jsonl");
        let mut text = std::fs::read(&table).unwrap();
        text[3] ^= 1;
        std::fs::write(&table, text).unwrap();
        std::fs::remove_file(place.join(format!("blobs/{blob}"))).unwrap();
        wipe(&db.db).await;
        let Err(BackupError::Unfit(why)) = backup::restore(&db.db, &open_blobs(&folder.join("b2")).await, SETS, &place).await
        else { panic!("restored a damaged backup") };
        assert!(why.contains("tables/jobs.jsonl does not match its checksum"), "{why}");
        assert!(why.contains(&format!("blobs/{blob} is missing")), "{why}");
        assert_eq!(audit::verify_all(&db.db).await.unwrap(), []);
        let manifest = std::fs::read_to_string(place.join("manifest.json")).unwrap();
        std::fs::write(place.join("manifest.json"), manifest.replacen("created_at", "created_ap", 1)).unwrap();
        assert!(matches!(backup::verify(&place).await, Err(BackupError::Unfit(why)) if why.contains("manifest.json is damaged")));
        std::fs::remove_file(place.join("manifest.json")).unwrap();
        assert!(matches!(backup::verify(&place).await, Err(BackupError::Unfit(why)) if why.contains("no finished backup")));
    }
}
