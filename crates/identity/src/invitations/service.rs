//! Inviting, and coming.

use rhiza_kernel::{InvitationId, OrgScope, Permission, RoleRef, TeamId, UserId};
use rhiza_platform::authz::{Actor, OrgAccess, Policies};
use rhiza_platform::mail::{Letter, Post, Template};
use rhiza_store::{Db, StoreError, Tx};
use serde_json::{Value, json};
use url::Url;

use super::model::GOOD_FOR;
use super::{Invitation, NewInvitation, Offer, store, system};
use crate::access::{Change, Giver, Governance, record};
use crate::errors::IdentityError;
use crate::organizations::{self, ProjectRef};
use crate::people::Email;
use crate::secret_link::LinkSecret;
use crate::{members, teams};

/// Invitations that can wait to be accepted at the same time: an organisation is no machine for sending letters.
const MOST: i64 = 200;

/// Teams that an invitation can name.
const MOST_TEAMS: usize = 20;

/// The use cases around invitations. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Invitations {
    pub(crate) governance: Governance,
    pub(crate) post: Post,
    pub(crate) links_to: Url,
}

fn shown(invitation: &Invitation) -> Value {
    json!({
        "id": invitation.id,
        "email": invitation.email,
        "role": invitation.role,
        "teams": invitation.teams,
        "expires_at": invitation.expires_at,
    })
}

impl Invitations {
    /// A page of the organisation's open invitations, newest first.
    pub(crate) async fn open(
        &self,
        access: &OrgAccess,
        before: Option<InvitationId>,
        limit: i64,
    ) -> Result<Vec<Invitation>, IdentityError> {
        let tx = self.governance.db.read(&access.scope).await?;
        let found = store::open(&tx, &access.scope, before, limit).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// Invites somebody, with rights that the caller could give to a member.
    pub(crate) async fn invite(&self, access: &OrgAccess, new: NewInvitation) -> Result<Invitation, IdentityError> {
        let Governance { env, db, .. } = &self.governance;
        let email = Email::parse(&new.email).map_err(|fault| IdentityError::field("/email", fault))?;
        let by = self.inviter(access)?;
        if new.teams.len() > MOST_TEAMS {
            return Err(IdentityError::field("/teams", format!("can be {MOST_TEAMS} at most")));
        }
        if system::is_member(db, access.scope.org, email.key()).await? {
            return Err(IdentityError::Conflict("Somebody with this address is a member already.".to_owned()));
        }
        let (tx, giver) = self.governance.begin(access).await?;
        giver.needs(Permission::MemberManage)?;
        let role = giver.find_role("/role", &new.role)?;
        giver.may_give(role)?;
        self.may_give_teams(&tx, &giver, access, &new.teams).await?;
        let (all, own) = store::waiting(&tx, &access.scope, email.key(), env.now()).await?;
        if own > 0 {
            let why = "This address has been invited already; send that invitation again, or withdraw it first.";
            return Err(IdentityError::Conflict(why.to_owned()));
        }
        if all >= MOST {
            return Err(IdentityError::Conflict(format!("{MOST} invitations are waiting to be accepted already.")));
        }
        let invitation = Invitation {
            id: env.new_id(),
            org: access.scope.org,
            email: email.as_str().to_owned(),
            email_key: email.key().to_owned(),
            role,
            teams: new.teams,
            invited_by: by,
            created_at: env.now(),
            expires_at: env.now() + GOOD_FOR,
        };
        let secret = LinkSecret::generate(env);
        store::insert(&tx, &access.scope, &invitation, secret.hash()).await?;
        self.send(&tx, access, &giver, &invitation, &secret).await?;
        let change = Change::created("invitation", invitation.id.to_string(), shown(&invitation));
        self.governance.commit(tx, access, &[change]).await?;
        Ok(invitation)
    }

    /// Sends an invitation again: with another secret, which spoils the one before, and in the caller's name.
    pub(crate) async fn resend(&self, access: &OrgAccess, id: InvitationId) -> Result<Invitation, IdentityError> {
        let env = &self.governance.env;
        let by = self.inviter(access)?;
        let (tx, giver) = self.governance.begin(access).await?;
        giver.needs(Permission::MemberManage)?;
        let before = store::find(&tx, &access.scope, id).await?.ok_or(IdentityError::NotFound("invitation"))?;
        giver.find_role("/role", &before.role.to_string())?;
        giver.may_give(before.role)?;
        self.may_give_teams(&tx, &giver, access, &before.teams).await?;
        let after = Invitation { invited_by: by, expires_at: env.now() + GOOD_FOR, ..before.clone() };
        let secret = LinkSecret::generate(env);
        store::renew(&tx, &access.scope, &after, secret.hash()).await?;
        self.send(&tx, access, &giver, &after, &secret).await?;
        let change = Change::updated("invitation", id.to_string(), shown(&before), shown(&after));
        self.governance.commit(tx, access, &[change.named("resend", "resent")]).await?;
        Ok(after)
    }

    /// Withdraws an invitation.
    pub(crate) async fn revoke(&self, access: &OrgAccess, id: InvitationId) -> Result<(), IdentityError> {
        let (tx, giver) = self.governance.begin(access).await?;
        giver.needs(Permission::MemberManage)?;
        let before = store::find(&tx, &access.scope, id).await?.ok_or(IdentityError::NotFound("invitation"))?;
        giver.may_change_holder_of(before.role)?;
        store::revoke(&tx, &access.scope, id, self.governance.env.now()).await?;
        let change = Change::deleted("invitation", id.to_string(), shown(&before)).named("revoke", "revoked");
        self.governance.commit(tx, access, &[change]).await?;
        Ok(())
    }

    fn inviter(&self, access: &OrgAccess) -> Result<UserId, IdentityError> {
        if !self.post.is_available() {
            let why = "This installation sends no mail, so nobody can be invited. Its operator can name a mail server.";
            return Err(IdentityError::Conflict(why.to_owned()));
        }
        let by = access.principal.actor.user();
        by.ok_or_else(|| IdentityError::Denied("An invitation needs a person who answers for it.".to_owned()))
    }

    async fn may_give_teams(
        &self,
        tx: &Tx,
        giver: &Giver<'_>,
        access: &OrgAccess,
        wanted: &[TeamId],
    ) -> Result<(), IdentityError> {
        for (at, team) in wanted.iter().enumerate() {
            if teams::store::find(tx, &access.scope, *team).await?.is_none() {
                return Err(IdentityError::field(&format!("/teams/{at}"), "is no team of this organisation"));
            }
            self.governance.may_give_team(tx, giver, access, *team).await?;
        }
        Ok(())
    }

    async fn send(
        &self,
        tx: &Tx,
        access: &OrgAccess,
        giver: &Giver<'_>,
        invitation: &Invitation,
        secret: &LinkSecret,
    ) -> Result<(), IdentityError> {
        let inviter = members::system::find(&self.governance.db, access.scope.org, invitation.invited_by).await?;
        let settings = organizations::store::settings(tx, &access.scope).await?;
        // Behind the `#`: browsers do not send that part to anybody, so the secret is in no log and no referrer.
        let link = format!("{}/invitation#token={}", self.links_to.as_str().trim_end_matches('/'), secret.expose());
        let values = json!({
            "organization": settings.name,
            "inviter": inviter.map(|member| member.name).unwrap_or_default(),
            "role": giver.name_of(invitation.role),
            "link": link,
            "days": GOOD_FOR.num_days(),
        });
        let to = invitation.email.clone();
        self.post.send(tx, Letter { to, name: None, template: Template::Invitation, values }).await?;
        Ok(())
    }

    /// What the invitation of a secret offers.
    pub(crate) async fn offer(&self, secret: &str) -> Result<Offer, IdentityError> {
        let secret = LinkSecret::parse(secret).ok_or_else(over)?;
        let tx = system::look(&self.governance.db).await?;
        let found = system::by_secret(&tx, secret.hash(), self.governance.env.now()).await?.ok_or_else(over)?;
        let giver = still_given(&tx, &self.governance.policies, &found).await?.ok_or_else(over)?;
        let settings = organizations::store::settings(&tx, &OrgScope::new(found.org)).await?;
        let inviter = system::person(&tx, found.invited_by).await?.ok_or_else(over)?;
        let account_exists = system::has_account(&tx, &found.email_key).await?;
        let role = giver.name_of(found.role);
        tx.rollback().await?;
        Ok(Offer { organization: settings.name, email: found.email, inviter: inviter.name, role, account_exists })
    }

    /// The caller comes. The invitation must be to their own address, which they must have proved to be theirs.
    pub(crate) async fn come(&self, access: &OrgAccess, secret: &str) -> Result<rhiza_kernel::OrgId, IdentityError> {
        let Actor::User { id: user, .. } = &access.principal.actor else {
            return Err(IdentityError::Denied("Only people accept invitations.".to_owned()));
        };
        let secret = LinkSecret::parse(secret).ok_or_else(over)?;
        let tx = system::begin(&self.governance.db).await?;
        let person = system::person(&tx, *user).await?.ok_or(IdentityError::NotFound("person"))?;
        if person.email_verified_at.is_none() {
            return Err(IdentityError::Denied("Prove first that your e-mail address is yours.".to_owned()));
        }
        let Governance { policies, env, .. } = &self.governance;
        let joined = accept(&tx, policies, &secret, &person.email_key, *user, env.now()).await?.ok_or_else(over)?;
        let after = json!({ "user": user, "role": joined.role, "invitation": joined.id });
        let joins = Change::created("member", user.to_string(), after.clone()).named("join", "joined");
        let accepts = Change::created("invitation", joined.id.to_string(), after).named("accept", "accepted");
        record(&tx, &OrgScope::new(joined.org), &access.caller, env, &[joins, accepts]).await?;
        tx.commit().await?;
        Ok(joined.org)
    }
}

fn over() -> IdentityError {
    IdentityError::NotFound("invitation, or it has been used, withdrawn or sent again, or its week is over,")
}

/// Whether the secret is that of an invitation to this address that can still be accepted.
pub(crate) async fn is_to(
    db: &Db,
    secret: &LinkSecret,
    email_key: &str,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<bool, StoreError> {
    let tx = system::look(db).await?;
    let found = system::by_secret(&tx, secret.hash(), now).await?;
    tx.rollback().await?;
    Ok(found.is_some_and(|found| found.email_key == email_key))
}

/// What an accepted invitation gave.
pub(crate) struct Joined {
    pub(crate) id: InvitationId,
    pub(crate) org: rhiza_kernel::OrgId,
    pub(crate) role: RoleRef,
}

/// Makes `user`, whose proved address is `email_key`, a member by the invitation of `secret`. Nothing when it is none, for
/// another address, or more than its sender could still give. Needs a system transaction; of two who try, one comes.
pub(crate) async fn accept(
    tx: &Tx,
    policies: &Policies,
    secret: &LinkSecret,
    email_key: &str,
    user: UserId,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Option<Joined>, IdentityError> {
    let Some(found) = system::by_secret(tx, secret.hash(), now).await? else { return Ok(None) };
    if found.email_key != email_key {
        return Ok(None);
    }
    let scope = OrgScope::new(found.org);
    organizations::store::lock(tx, &scope).await?;
    let Some(giver) = still_given(tx, policies, &found).await? else { return Ok(None) };
    if members::store::role(tx, &scope, user).await?.is_some() {
        return Err(IdentityError::Conflict("You are a member of that organisation already.".to_owned()));
    }
    if !system::use_up(tx, &found, secret.hash(), user, now).await? {
        return Ok(None);
    }
    organizations::system::insert_membership(tx, found.org, user, found.role, now).await?;
    for team in &found.teams {
        if teams::store::find(tx, &scope, *team).await?.is_some() && could_give(tx, &giver, &scope, *team).await? {
            teams::store::join(tx, &scope, *team, user, now).await?;
        }
    }
    Ok(Some(Joined { id: found.id, org: found.org, role: found.role }))
}

/// Whoever sent the invitation, if they could send it today.
async fn still_given<'a>(
    tx: &Tx,
    policies: &'a Policies,
    invitation: &Invitation,
) -> Result<Option<Giver<'a>>, IdentityError> {
    let sender = system::person(tx, invitation.invited_by).await?;
    if sender.is_none_or(|sender| sender.disabled_at.is_some()) {
        return Ok(None);
    }
    let giver = Giver::of_person(tx, policies, invitation.org, invitation.invited_by).await?;
    Ok(giver.filter(|giver| {
        giver.needs(Permission::MemberManage).is_ok()
            && giver.find_role("/role", &invitation.role.to_string()).is_ok()
            && giver.may_give(invitation.role).is_ok()
    }))
}

async fn could_give(tx: &Tx, giver: &Giver<'_>, scope: &OrgScope, team: TeamId) -> Result<bool, IdentityError> {
    for (project, role) in teams::store::project_roles(tx, scope, team).await? {
        let project = organizations::store::project(tx, scope, project).await?.map(ProjectRef::from);
        if project.is_some_and(|project| giver.may_give_in(&project, role).is_err()) {
            return Ok(false);
        }
    }
    Ok(true)
}
