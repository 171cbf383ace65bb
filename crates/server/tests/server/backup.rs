//! A backup brings back everything: what an installation answered before, the restored one answers too.

use rhiza_testkit::Engine;

use crate::process::{self, Payload, Server};
use crate::walk::{assert_same, snapshot, world};

#[test]
fn a_restored_installation_answers_the_same_on_sqlite() {
    a_restored_installation_answers_the_same(Engine::Sqlite);
}

#[test]
fn a_restored_installation_answers_the_same_on_postgres() {
    a_restored_installation_answers_the_same(Engine::Postgres);
}

fn a_restored_installation_answers_the_same(engine: Engine) {
    world::on(engine, |mut world, place| {
        let things = world.things(&world.first);
        let before = snapshot(&world, &things);
        let shelf = tempfile::tempdir().unwrap();
        let folder = shelf.path().join("backup");
        let folder = folder.to_str().unwrap();
        // The server is running, as it would.
        let (code, saved, error) = place.run(&["backup", "create", folder]);
        assert_eq!(code, 0, "{error}");
        assert!(saved.starts_with("saved "), "{saved}");
        assert_eq!(place.run(&["backup", "verify", folder]).0, 0);
        // What is written afterwards is not in it.
        let later = Payload::Json(serde_json::json!({"name": "made after the backup"}));
        world.server.call("POST", "/api/2.0/mlflow/experiments/create", &world.first, &later);

        let original = place.folder.join("master.key");
        process::on(engine, &[], |place, db| {
            // What is sealed opens under the master key, which a backup does not hold.
            std::fs::create_dir_all(&place.folder).unwrap();
            std::fs::copy(&original, place.folder.join("master.key")).unwrap();
            let (code, _, error) = place.run(&["backup", "restore", folder]);
            assert_eq!(code, 0, "{error}");
            let (code, chains, _) = place.run(&["audit", "verify"]);
            assert_eq!(code, 0, "{chains}");
            assert!(chains.contains(&world.first_organization()), "{chains}");
            world.server = Server::start(place);
            world.move_to(db);
            assert_same(&before, &snapshot(&world, &things), "the restored installation");
            // New rows do not collide with restored ones.
            world.things(&world.first);
            drop(world);
            let (code, _, error) = place.run(&["backup", "restore", folder]);
            assert_ne!(code, 0, "a full installation was overwritten: {error}");
        });
    });
}
