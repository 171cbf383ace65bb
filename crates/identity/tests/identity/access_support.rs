//! What the tests of members, roles, teams and invitations share.

use rhiza_kernel::{OrgId, OrgScope, Role, TypedId as _};
use rhiza_platform::audit;
use rhiza_testkit::TestDb;
use serde_json::{Value, json};

use crate::site::{OURS, PASSWORD, Reply, Site, session};

/// Somebody signed in.
pub(crate) struct Person {
    pub(crate) cookie: String,
    pub(crate) id: String,
}

/// An organisation with an owner, Ada, and who joins it.
pub(crate) struct Engines {
    pub(crate) site: Site,
    pub(crate) org: OrgId,
    pub(crate) ada: Person,
    pub(crate) key: String,
}

impl Engines {
    pub(crate) async fn new(db: TestDb) -> Self {
        let site = Site::new(db);
        let owner = site.owner().await;
        let org = OrgId::from_uuid(owner.organization_id.uuid());
        let ada = sign_in(&site, "ada@example.com").await;
        Self { site, org, ada, key: owner.api_key }
    }

    /// A further member, signed in.
    pub(crate) async fn join(&self, email: &str, role: Role) -> Person {
        self.site.add_member(Some(self.org), email, role).await;
        sign_in(&self.site, email).await
    }

    /// The owner of another organisation.
    pub(crate) async fn stranger(&self) -> Person {
        // Theirs is not the installation's first organisation.
        self.site.db.clock.advance(std::time::Duration::from_secs(1));
        self.site.add_member(None, "eve@example.com", Role::Owner).await;
        sign_in(&self.site, "eve@example.com").await
    }

    pub(crate) async fn by(&self, who: &Person, method: &str, path: &str, body: Value) -> Reply {
        self.site.send(method, path, &[("cookie", &who.cookie), OURS], body).await
    }

    pub(crate) async fn get(&self, who: &Person, path: &str) -> Reply {
        self.by(who, "GET", path, Value::Null).await
    }

    /// What must succeed; its body.
    pub(crate) async fn done(&self, who: &Person, method: &str, path: &str, body: Value) -> Value {
        let reply = self.by(who, method, path, body).await;
        assert!((200..300).contains(&reply.status), "{method} {path}: {} {}", reply.status, reply.body);
        reply.body
    }

    /// What must be refused with `status`; the problem.
    pub(crate) async fn refused(&self, who: &Person, method: &str, path: &str, body: Value, status: u16) -> Value {
        let reply = self.by(who, method, path, body.clone()).await;
        assert_eq!(reply.status, status, "{method} {path} {body}: {}", reply.body);
        reply.body
    }

    pub(crate) async fn set_role(&self, who: &Person, role: &str) {
        self.done(&self.ada, "PATCH", &format!("/members/{}", who.id), json!({ "role": role })).await;
        self.second();
    }

    /// A role that Ada makes.
    pub(crate) async fn role(&self, name: &str, permissions: &[&str]) -> String {
        let made = self.done(&self.ada, "POST", "/roles", json!({ "name": name, "permissions": permissions })).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// A second passes, after which nothing that is remembered is older than a change.
    pub(crate) fn second(&self) {
        self.site.db.clock.advance(std::time::Duration::from_secs(1));
    }

    /// The actions in the audit chain, newest first; the chain is intact.
    pub(crate) async fn actions(&self) -> Vec<String> {
        let scope = OrgScope::new(self.org);
        let tx = self.site.db.read(&scope).await;
        audit::verify(&tx, &scope).await.unwrap();
        let filter = audit::Filter::default();
        audit::list(&tx, &scope, &filter, None, 200).await.unwrap().into_iter().map(|entry| entry.action).collect()
    }
}

pub(crate) async fn sign_in(site: &Site, email: &str) -> Person {
    let reply = site.send("POST", "/auth/sign-in", &[OURS], json!({ "email": email, "password": PASSWORD })).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    Person { cookie: session(&reply), id: reply.body["user"]["id"].as_str().unwrap().to_owned() }
}
