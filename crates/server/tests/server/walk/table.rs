//! For every operation of the OpenAPI document: requests that are right, and what a stranger must get for them.
//!
//! Each request is written twice over: with everything taken from one organisation it must succeed, and with
//! `theirs` taken from another it must show nothing and change nothing.

use serde_json::{Value, json};

use super::world::{FIRST_EMAIL, Things, unique};
use super::{table_access, table_account, table_datasets, table_mlflow, table_mlops};
use crate::process::Payload;

/// What a caller from another organisation gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// 404: the thing does not exist for them.
    Missing,
    /// A success that shows nothing of the other organisation.
    Nothing,
    /// A refusal with this status, for requests that tie a foreign thing to one's own.
    Refused(u16),
}

/// What a request does to what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    Write,
}

/// One request for an operation.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) effect: Effect,
    pub(crate) stranger: Stranger,
    /// The status its own organisation gets; any success when absent.
    pub(crate) own: Option<u16>,
    /// The status a viewer of the same organisation gets, where it is not the usual one.
    pub(crate) viewer: Option<u16>,
    /// Whether only a person with a session can do it.
    pub(crate) person: bool,
    /// Whether the answer differs from one time to the next without anything having changed.
    pub(crate) volatile: bool,
    pub(crate) parameters: Vec<(&'static str, String)>,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) payload: Payload,
}

/// A request that only reads.
pub(crate) fn read(stranger: Stranger) -> Call {
    Call {
        effect: Effect::Read,
        stranger,
        own: None,
        viewer: None,
        person: false,
        volatile: false,
        parameters: Vec::new(),
        query: Vec::new(),
        payload: Payload::None,
    }
}

/// A request that changes something.
pub(crate) fn write(stranger: Stranger) -> Call {
    Call { effect: Effect::Write, ..read(stranger) }
}

impl Call {
    /// Fills a parameter of the path.
    pub(crate) fn at(mut self, name: &'static str, value: &str) -> Self {
        self.parameters.push((name, value.to_owned()));
        self
    }

    pub(crate) fn query(mut self, name: &'static str, value: &str) -> Self {
        self.query.push((name, value.to_owned()));
        self
    }

    pub(crate) fn json(mut self, body: Value) -> Self {
        self.payload = Payload::Json(body);
        self
    }

    pub(crate) fn bytes(mut self) -> Self {
        self.payload = Payload::Bytes(b"new bytes".to_vec());
        self
    }

    pub(crate) fn own(mut self, status: u16) -> Self {
        self.own = Some(status);
        self
    }

    pub(crate) fn viewer(mut self, status: u16) -> Self {
        self.viewer = Some(status);
        self
    }

    pub(crate) fn person(mut self) -> Self {
        self.person = true;
        self
    }

    pub(crate) fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// The path and query of this request, from the document's template.
    pub(crate) fn path(&self, template: &str) -> String {
        let mut path = template.to_owned();
        for (name, value) in &self.parameters {
            let encoded: Vec<String> =
                value.split('/').map(|part| url::form_urlencoded::byte_serialize(part.as_bytes()).collect()).collect();
            let filled = path.replace(&format!("{{{name}}}"), &encoded.join("/"));
            assert_ne!(filled, path, "{template} has no parameter {name}");
            path = filled;
        }
        assert!(!path.contains('{'), "{template} has a parameter that the table does not fill");
        if !self.query.is_empty() {
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
            path = format!("{path}?{query}");
        }
        path
    }

    /// Everything this request says, to tell an echo from a leak.
    pub(crate) fn said(&self) -> String {
        format!("{:?} {:?} {:?}", self.parameters, self.query, self.payload)
    }
}

/// The requests for an operation. `theirs` are named by the request; `mine` belong to the caller.
pub(crate) fn calls(operation: &str, theirs: &Things, mine: &Things) -> Option<Vec<Call>> {
    // MLflow's calls are described twice, and the second description carries a suffix.
    let base = operation.strip_suffix("Client").unwrap_or(operation);
    identity(base, theirs)
        .or_else(|| table_access::calls(base, theirs, mine))
        .or_else(|| table_account::calls(base))
        .or_else(|| platform(base, theirs))
        .or_else(|| console(base, theirs, mine))
        .or_else(|| table_datasets::calls(base, theirs))
        .or_else(|| table_mlops::calls(base, theirs))
        .or_else(|| table_mlflow::calls(base, theirs, mine))
}

fn identity(operation: &str, t: &Things) -> Option<Vec<Call>> {
    use Stranger::{Missing, Nothing, Refused};
    let project = |call: Call| call.at("project_id", &t.project);
    let account = |call: Call| call.at("service_account_id", &t.service_account);
    Some(match operation {
        "getMe" => vec![read(Nothing)],
        "listSessions" => vec![read(Nothing).person().volatile()],
        // One's own sessions are one's own: a viewer may end theirs, and has no others.
        "deleteSession" => vec![write(Missing).at("session_id", &t.session).person().viewer(404)],
        "signOut" => vec![write(Nothing).person().viewer(204)],
        // One's own passkeys are one's own, as sessions are.
        "listPasskeys" => vec![read(Nothing).person()],
        "beginPasskeyRegistration" => vec![write(Nothing).person().viewer(200)],
        // Without an authenticator there is nothing to show.
        "createPasskey" => vec![
            write(Stranger::Refused(422))
                .json(json!({"challenge": "none", "name": "key", "credential": {}}))
                .person()
                .own(422)
                .viewer(422),
        ],
        "listExternalIdentities" => vec![read(Nothing).person()],
        // There is none: nobody signed in at a provider.
        "deleteExternalIdentity" => vec![
            write(Missing).query("issuer", "https://id.example").query("subject", "1").person().own(404).viewer(404),
        ],
        "updatePasskey" => vec![
            write(Missing).at("passkey_id", &t.passkey).json(json!({"name": unique("named")})).person().viewer(404),
        ],
        "deletePasskey" => vec![write(Missing).at("passkey_id", &t.passkey).person().viewer(404)],
        "listProjects" => vec![read(Nothing)],
        "createProject" => vec![write(Nothing).json(json!({"name": unique("another project ")}))],
        "getProject" => vec![project(read(Missing))],
        "updateProject" => vec![
            project(write(Missing)).json(json!({"name": unique("renamed")})),
            project(write(Missing)).json(json!({"archived": true})),
        ],
        "listKeys" => vec![read(Nothing).volatile().viewer(403)],
        "createKey" => vec![
            write(Nothing).json(json!({"name": "another key"})),
            write(Refused(422)).json(json!({"name": "its key", "service_account_id": t.service_account})),
        ],
        "deleteKey" => vec![write(Missing).at("key_id", &t.key)],
        "rotateKey" => vec![write(Missing).at("key_id", &t.key).json(json!({"overlap_seconds": 60}))],
        "createTokens" => vec![
            write(Nothing).json(json!({"name": "another client"})).viewer(201),
            write(Refused(422)).json(json!({"name": "their project", "project": t.project})).viewer(201),
        ],
        "listTokens" => vec![read(Nothing).volatile()],
        "revokeTokens" => vec![write(Missing).at("family_id", &t.family).viewer(404)],
        "listServiceAccounts" => vec![read(Nothing)],
        "createServiceAccount" => {
            vec![write(Nothing).json(json!({"name": unique("another account "), "role": "viewer"}))]
        }
        "getServiceAccount" => vec![account(read(Missing))],
        "updateServiceAccount" => vec![account(write(Missing)).json(json!({"name": unique("renamed account ")}))],
        "deleteServiceAccount" => vec![account(write(Missing))],
        _ => return None,
    })
}

fn platform(operation: &str, t: &Things) -> Option<Vec<Call>> {
    use Stranger::{Missing, Nothing};
    Some(match operation {
        // Letters are sent by jobs, meanwhile.
        "listJobs" => vec![read(Nothing).volatile()],
        // Requests are counted, so the answer changes by being asked.
        "getQuotas" => vec![read(Nothing).volatile()],
        "getJob" => vec![read(Missing).at("id", &t.job)],
        "cancelJob" => vec![write(Missing).at("id", &t.job)],
        "streamJobEvents" => vec![read(Missing).at("id", &t.job).volatile()],
        "listAuditEntries" => vec![
            read(Nothing).volatile().viewer(403),
            read(Nothing).query("actor", FIRST_EMAIL).volatile().viewer(403),
            read(Nothing).query("subject", &t.project).volatile().viewer(403),
            read(Nothing).query("text", &t.project).query("since", "2020-01-01T00:00:00Z").volatile().viewer(403),
            read(Nothing).query("address", "127.0.0.1").query("until", "2020-01-01T00:00:00Z").viewer(403),
        ],
        "listAuditCheckpoints" => vec![read(Nothing).viewer(403)],
        "exportAuditEntries" => vec![
            read(Nothing).query("format", "jsonl").volatile().viewer(403),
            read(Nothing).query("format", "csv").query("subject", &t.project).volatile().viewer(403),
        ],
        "listMails" => vec![read(Nothing).volatile().viewer(403)],
        _ => return None,
    })
}

/// The console's own operations on tracking.
fn console(operation: &str, t: &Things, mine: &Things) -> Option<Vec<Call>> {
    use Stranger::{Missing, Nothing};
    let run = |call: Call| call.at("run_id", &t.run);
    let model = |call: Call| call.at("model_id", &t.model);
    let version = |call: Call| call.at("name", &t.registered).at("version", &t.version);
    Some(match operation {
        "searchRunRows" => vec![
            read(Nothing).json(json!({"experiment_ids": []})),
            read(Nothing).json(json!({"experiment_ids": [t.experiment], "view": "all"})),
            read(Nothing).json(json!({"experiment_ids": [], "run_ids": [t.run]})),
            read(Nothing).json(json!({"experiment_ids": [], "parent_run_id": t.run})),
        ],
        "listExperimentSummaries" => {
            vec![read(Nothing).query("view", "all"), read(Nothing).query("q", &t.names[0])]
        }
        "getExperimentColumns" => vec![read(Missing).at("experiment_id", &t.experiment)],
        "querySeries" => vec![
            read(Nothing).json(json!({"run_ids": [t.run], "keys": ["loss"], "x": "step"})),
            read(Nothing).json(json!({"run_ids": [mine.run, t.run], "keys": [], "x": "time"})),
        ],
        "streamRunEvents" => vec![run(read(Missing)).volatile()],
        "listRunArtifacts" => vec![run(read(Missing))],
        "getRunArtifact" => vec![run(read(Missing)).query("path", "note.txt")],
        "listModelArtifacts" => vec![model(read(Missing))],
        "getModelArtifact" => vec![model(read(Missing)).query("path", "note.txt")],
        "listModelVersionArtifacts" => vec![version(read(Missing))],
        "getModelVersionArtifact" => vec![version(read(Missing)).query("path", "note.txt")],
        "getModelVersionLineage" => vec![version(read(Missing))],
        "searchModelRegistrations" => vec![read(Nothing).json(json!({"model_ids": [t.model]}))],
        "loadExample" => vec![write(Nothing)],
        _ => return None,
    })
}
