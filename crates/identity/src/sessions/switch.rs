//! Going over to another organisation with the session that one has.

use std::time::Duration;

use rhiza_kernel::{OrgId, OrgScope};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::{Actor, Caller, OrgAccess};
use rhiza_platform::outbox::{self, Event};
use serde_json::json;

use super::service::person;
use super::system::Move;
use super::{Opened, SessionToken, Sessions, system};
use crate::errors::IdentityError;

impl Sessions {
    /// Replaces the caller's session by one of another organisation that they belong to. It has another token, the proofs
    /// that were shown in the old one, and no longer a life.
    ///
    /// # Errors
    /// The caller is no person, or no member there; or the database does not answer.
    pub(crate) async fn switch(&self, access: &OrgAccess, to: OrgId) -> Result<Opened, IdentityError> {
        let (user, from) = person(access)?;
        let token = SessionToken::generate(&self.env);
        let wanted = Move { from, to, user, id: self.env.new_id(), hash: token.hash(), now: self.env.now() };
        let tx = system::begin(&self.db).await?;
        let moved = system::switch(&tx, &wanted).await?.ok_or(IdentityError::NotFound("organization"))?;
        let email = match &access.principal.actor {
            Actor::User { email, .. } => email.clone(),
            _ => String::new(),
        };
        let actor = Actor::User { id: user, email, session: wanted.id };
        let arrives = Caller { actor: actor.clone(), ..access.caller.clone() };
        let mut told = [
            (access.scope, "revoked", "switch", &access.caller, from),
            (OrgScope::new(to), "created", "create", &arrives, wanted.id),
        ];
        // Each takes the lock of a chain: in one order, whichever way people go.
        told.sort_by_key(|(scope, ..)| scope.org);
        for (scope, done, _, _, session) in &told {
            let data = json!({ "session": session, "user": user });
            let kind = format!("rhiza.identity.session.{done}");
            outbox::emit(&tx, scope, Event::new(&kind, user.to_string()).data(&data), &self.env).await?;
        }
        for (scope, _, deed, caller, session) in &told {
            let after = json!({ "session": session, "by": "switch" });
            let entry = Entry::new(caller, &format!("identity.session.{deed}"), user.to_string()).after(&after);
            audit::record(&tx, scope, entry, &self.env).await?;
        }
        tx.commit().await?;
        self.known.forget(&moved.old);
        let life = (moved.expires_at - wanted.now).to_std().unwrap_or(Duration::ZERO);
        Ok(Opened { token, life, org: to, actor, second_factor: moved.second_factor })
    }
}
