//! Taking one's data along, and deleting one's account.

use rhiza_kernel::{Env, OrgId};
use rhiza_platform::audit::Entry;
use rhiza_platform::authz::{Actor, OrgAccess};
use rhiza_platform::mail::Post;
use rhiza_platform::outbox::Event;
use rhiza_store::Db;
use serde_json::json;

use super::store_rows::PersonExport;
use super::system::{self, Tie};
use crate::errors::IdentityError;
use crate::letters;
use crate::people;
use crate::sessions::{self, Sessions, person};
use crate::trail;

/// The use cases of people who go. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Departures {
    pub(crate) db: Db,
    pub(crate) env: Env,
    pub(crate) post: Post,
    pub(crate) sessions: Sessions,
}

impl Departures {
    /// Everything that is kept about the caller.
    pub(crate) async fn export(&self, access: &OrgAccess) -> Result<PersonExport, IdentityError> {
        let (user, _) = person(access)?;
        let export = system::export(&self.db, user, self.env.now()).await?.ok_or(IdentityError::NotFound("person"))?;
        let tx = system::begin(&self.db).await?;
        let entry = Entry::new(&access.caller, "identity.person.export", user.to_string());
        trail::record(&tx, &self.env, user, None, entry).await?;
        tx.commit().await?;
        Ok(export)
    }

    /// Deletes the caller's account. The address is free again.
    ///
    /// # Errors
    /// [`IdentityError::Conflict`] while an organisation would be left without an owner or without anybody,
    /// [`IdentityError::Unconfirmed`].
    pub(crate) async fn delete(&self, access: &OrgAccess) -> Result<(), IdentityError> {
        let (user, _) = self.sessions.require_fresh(access).await?;
        let now = self.env.now();
        let tx = system::begin(&self.db).await?;
        let account = people::system::account(&tx, user).await?.filter(|account| account.disabled_at.is_none());
        let account = account.ok_or(IdentityError::NotFound("person"))?;
        let ties = system::ties(&tx, user).await?;
        ties.iter().try_for_each(may_go)?;
        self.post.send(&tx, letters::account_deleted(&account.user)).await?;
        let ended = sessions::system::end_all(&tx, user, None, now).await?;
        system::remove(&tx, user, &people::fold(&account.user.email), now).await?;
        let organizations: Vec<OrgId> = ties.iter().map(|tie| tie.org).collect();
        let event = Event::new("rhiza.identity.person.deleted", user.to_string()).data(&json!({ "user": user }));
        // The chain keeps what it has; this entry names the person by their id alone.
        let mut caller = access.caller.clone();
        if let Actor::User { email, .. } = &mut caller.actor {
            "deleted person".clone_into(email);
        }
        let entry = Entry::new(&caller, "identity.person.delete", user.to_string());
        trail::record_in(&tx, &self.env, &organizations, Some(event), entry).await?;
        tx.commit().await?;
        self.sessions.forget(ended);
        Ok(())
    }
}

/// Whether somebody may leave an organisation without anybody noticing too late.
fn may_go(tie: &Tie) -> Result<(), IdentityError> {
    let why = if tie.members <= 1 {
        format!(
            "You are the only member of {:?}. Invite somebody who takes it over and make them an owner, or ask the \
             operator of this installation to remove it.",
            tie.name
        )
    } else if tie.is_owner && tie.owners <= 1 {
        format!("You are the last owner of {:?}. Make somebody else an owner first.", tie.name)
    } else {
        return Ok(());
    };
    Err(IdentityError::Conflict(why))
}
