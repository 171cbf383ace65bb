//! Files that people bring, read in a child process of the binary.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Payload, Place, Server, on_both};

const DIABETES: &[u8] = include_bytes!("../../../../fixtures/data/diabetes.csv");

/// A server with its owner's key.
struct Lab {
    server: Server,
    key: String,
}

impl Lab {
    fn start(place: &Place, variables: &[(&str, &str)]) -> Self {
        let key = place.init()["api_key"].as_str().unwrap().to_owned();
        Self { server: Server::start_with(place, variables), key }
    }

    fn upload(&self, query: &str, bytes: &[u8]) -> (u16, Value) {
        let path = format!("/api/v1/datasets?{query}");
        let reply = self.server.ask("POST", &path, Some(&self.key), &Payload::Bytes(bytes.to_vec()));
        (reply.status, serde_json::from_str(&reply.body).unwrap())
    }

    fn get(&self, path: &str) -> Value {
        self.server.call("GET", &format!("/api/v1/{path}"), &self.key, &Payload::None)
    }

    /// The newest version of a dataset once it has been read.
    fn read(&self, dataset: &Value) -> Value {
        let path = format!("datasets/{}/versions/latest", dataset["id"].as_str().unwrap());
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let version = self.get(&path);
            if version["state"] != "reading" {
                return version;
            }
            assert!(Instant::now() < deadline, "{version}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A table of so many rows.
fn table(rows: usize) -> Vec<u8> {
    let mut text = String::from("name,a,b\n");
    for row in 0..rows {
        text.push_str(&format!("row {row} of a long table,{row},{}\n", row * 7 % 13));
    }
    text.into_bytes()
}

on_both! {
    fn a_file_is_brought_read_changed_and_taken_away(place) {
        let lab = Lab::start(place, &[]);
        let (status, dataset) = lab.upload("name=diabetes&file=diabetes.csv", DIABETES);
        assert_eq!((status, &dataset["latest"]["state"]), (202, &json!("reading")), "{dataset}");
        let version = lab.read(&dataset);
        assert_eq!((&version["state"], &version["rows"]), (&json!("ready"), &json!(442)), "{version}");
        assert_eq!(version["schema"]["columns"].as_array().unwrap().len(), version["columns"].as_u64().unwrap() as usize);
        assert_eq!(version["profile"]["rows"], 442);
        // The version is ready a moment before its job is settled.
        let settled = || Some(lab.get(&format!("jobs/{}", version["job_id"].as_str()?))).filter(|job| job["state"] != "running");
        let job = (0..200).find_map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            settled()
        });
        let job = job.unwrap();
        assert_eq!((&job["state"], &job["result"]["rows"]), (&json!("succeeded"), &json!(442)));
        assert_eq!(lab.upload("name=diabetes", DIABETES).0, 200);
        let id = dataset["id"].as_str().unwrap();
        let path = format!("/api/v1/datasets/{id}/versions/1/content");
        assert_eq!(lab.server.get(&path, Some(&lab.key)).1.as_bytes(), DIABETES);
        let first = version["schema"]["columns"][0]["name"].as_str().unwrap();
        let types = Payload::Json(json!({"types": {first: "categorical"}}));
        let path = format!("/api/v1/datasets/{id}/versions/1/types");
        let changed = lab.server.call("PUT", &path, &lab.key, &types);
        assert_eq!((&changed["latest"]["version"], &changed["latest"]["parent"]), (&json!(2), &json!(1)));
        assert_eq!(lab.read(&dataset)["schema"]["columns"][0]["type"], "categorical");
        lab.server.call("DELETE", &format!("/api/v1/datasets/{id}"), &lab.key, &Payload::None);
        assert_eq!(lab.server.get(&format!("/api/v1/datasets/{id}"), Some(&lab.key)).0, 404);
    }

    fn what_needs_more_memory_than_a_child_may_have_fails_alone(place) {
        let lab = Lab::start(place, &[("RHIZA_JOBS__CHILD_MEMORY_MIB", "64")]);
        let (_, small) = lab.upload("name=small", &table(1_000));
        let (status, large) = lab.upload("name=large", &table(1_000_000));
        assert_eq!(status, 202, "{large}");
        assert_eq!(lab.read(&small)["rows"], 1_000);
        let version = lab.read(&large);
        assert_eq!(version["state"], "failed", "{version}");
        assert_eq!(version["error"], "reading the file was stopped: it needs more than 64 MiB of memory");
        assert_eq!(lab.server.get("/readyz", None).0, 200);
    }

    fn requests_that_cannot_be_meant_are_refused_with_their_fault(place) {
        let lab = Lab::start(place, &[]);
        let fault = |reply: &Value| reply["errors"][0]["pointer"].as_str().unwrap().to_owned();
        let (status, refused) = lab.upload("name=%20", b"a\n1\n");
        assert_eq!((status, fault(&refused).as_str()), (422, "name"));
        let (status, refused) = lab.upload("name=a&format=xlsx", b"a\n1\n");
        assert_eq!((status, fault(&refused).as_str()), (422, "format"));
        for (body, pointer) in [
            (json!({"name": "a"}), ""),
            (json!({"name": "", "url": "https://example.org/a.csv"}), "/name"),
            (json!({"name": "a", "url": "file:///etc/passwd"}), "/url"),
            (json!({"name": "a", "url": "https://u:p@example.org/a.csv"}), "/url"),
            (json!({"name": "a", "url": "https://h/a", "artifact": {"run_id": "r", "path": "p"}}), ""),
        ] {
            let reply = lab.server.ask("POST", "/api/v1/datasets", Some(&lab.key), &Payload::Json(body.clone()));
            let refused: Value = serde_json::from_str(&reply.body).unwrap();
            assert_eq!((reply.status, fault(&refused).as_str()), (422, pointer), "{body}: {refused}");
        }
        let none = json!({"name": "a", "artifact": {"run_id": "0123456789abcdef0123456789abcdef", "path": "p"}});
        assert_eq!(lab.server.ask("POST", "/api/v1/datasets", Some(&lab.key), &Payload::Json(none)).status, 404);
        assert_eq!(lab.get("datasets")["items"], json!([]));
    }

    fn a_file_is_streamed_whatever_its_request_says_of_repetition(place) {
        let lab = Lab::start(place, &[]);
        let text = String::from_utf8(table(100_000)).unwrap();
        assert!(text.len() > 3 << 20);
        let key = format!("Bearer {}", lab.key);
        let headers =
            [("authorization", key.as_str()), ("content-type", "text/csv"), ("idempotency-key", "once")];
        for status in [202, 200] {
            assert_eq!(lab.server.send("POST", "/api/v1/datasets?name=large", &headers, &text), status);
        }
        let dataset = lab.get("datasets?q=LARGE")["items"][0].clone();
        assert_eq!(lab.read(&dataset)["rows"], 100_000);
    }
}
