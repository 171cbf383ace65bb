//! Making, renewing, listing and revoking access tokens.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, KeyId, OrgScope, Permission, Permissions, ProjectId, TokenFamilyId};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::{Actor, AuthError, Caller, OrgAccess, Principal, ProjectChoice};
use rhiza_platform::outbox::{self, Event};
use rhiza_store::{Db, StoreError};
use serde_json::json;

use super::jwt::{AUDIENCE, Claims};
use super::model::{LIFE, LOST_ANSWER, MAX_DAYS};
use super::signing::{Published, Signer};
use super::{Family, Issuer, RefreshHash, RefreshText, SigningKeys, Verified, store, system};
use crate::access::Holder;
use crate::errors::{Faults, IdentityError};
use crate::fresh::Fresh;
use crate::keys::Scopes;
use crate::organizations::Projects;
use crate::people;

/// What each token says, remembered by the hash of its text.
pub(crate) type KnownTokens = Fresh<[u8; 32], Arc<Verified>>;

/// What each family opens.
pub(crate) type KnownFamilies = Fresh<TokenFamilyId, Option<Arc<system::Opens>>>;

/// Tokens to be made.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewFamily {
    pub(crate) name: String,
    /// Names of permissions, or `*`; absent means what everyday work needs.
    pub(crate) scopes: Option<Vec<String>>,
    /// The only project to enter, by slug or id.
    pub(crate) project: Option<String>,
    pub(crate) expires_in_days: Option<u32>,
}

/// Tokens just made, for the client and nowhere else.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) access: String,
    pub(crate) refresh: RefreshText,
    pub(crate) family: TokenFamilyId,
    pub(crate) family_expires_at: DateTime<Utc>,
}

/// The use cases around tokens. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tokens {
    db: Db,
    env: Env,
    issuer: Issuer,
    keys: SigningKeys,
    projects: Projects,
    families: KnownFamilies,
}

impl Tokens {
    pub(crate) fn new(
        db: Db,
        env: Env,
        issuer: Issuer,
        keys: SigningKeys,
        projects: Projects,
        families: KnownFamilies,
    ) -> Self {
        Self { db, env, issuer, keys, projects, families }
    }

    /// Makes an access token and the refresh token that continues it, which can do no more than the credential they
    /// are asked for with.
    pub(crate) async fn create(&self, access: &OrgAccess, new: NewFamily) -> Result<Issued, IdentityError> {
        let principal = &access.principal;
        let holder = Holder::of(&principal.actor).ok_or_else(nobody)?;
        let key = match &principal.actor {
            Actor::User { .. } => None,
            Actor::Key { id, .. } => Some(*id),
            Actor::Token { .. } => {
                let why =
                    "An access token cannot make another; use its refresh token, or the key or session behind it.";
                return Err(IdentityError::Denied(why.to_owned()));
            }
            Actor::System => return Err(nobody()),
        };
        let project = self.project(principal, new.project.as_deref()).await?;
        let signer = self.keys.signer().await?;
        let now = self.env.now();
        let tx = self.db.write(&access.scope).await?;
        let maker = crate::keys::store::maker(&tx, &access.scope, &principal.actor).await?.ok_or_else(nobody)?;
        let (name, scopes, days) = terms(principal, &new)?;
        let ends = now + chrono::TimeDelta::days(days.into());
        let family = Family {
            id: self.env.new_id(),
            name,
            user: matches!(holder, Holder::Person(_)).then_some(maker.person),
            service_account: principal.actor.service_account().map(|account| account.id),
            key,
            project,
            scopes,
            created_at: now,
            expires_at: maker.expires_at.map_or(ends, |own| own.min(ends)),
            last_used_at: None,
            address: access.caller.address.map(|address| address.to_string()),
            revoked_at: None,
            revoked_because: None,
        };
        store::delete_ended(&tx, &access.scope, holder, now).await?;
        store::insert(&tx, &access.scope, &family).await?;
        let refresh = RefreshText::generate(&self.env);
        store::insert_refresh(&tx, &access.scope, family.id, refresh.hash(), now, family.expires_at).await?;
        let shown = shown(&family);
        let event = Event::new("rhiza.identity.token_family.created", family.id.to_string()).data(&shown);
        outbox::emit(&tx, &access.scope, event, &self.env).await?;
        let entry = Entry::new(&access.caller, "identity.token_family.create", family.id.to_string()).after(&shown);
        audit::record(&tx, &access.scope, entry, &self.env).await?;
        let issued =
            Described { org: access.scope, family: family.id, holder, project, scopes, expires_at: family.expires_at };
        let access_token = self.sign(&signer, &issued)?;
        tx.commit().await?;
        Ok(Issued { access: access_token, refresh, family: family.id, family_expires_at: family.expires_at })
    }

    /// The only project of new tokens: the one asked for, if the caller may enter it; always the caller's own when they
    /// are confined to one.
    async fn project(&self, principal: &Principal, asked: Option<&str>) -> Result<Option<ProjectId>, IdentityError> {
        let Some(asked) = asked else { return Ok(principal.confined_to) };
        if let ProjectChoice::Selected { id, slug } = &principal.project
            && (slug == asked || id.to_string() == asked)
        {
            return Ok(Some(*id));
        }
        let all = self.projects.list_projects(principal).await?;
        let found = all.iter().find(|p| p.slug == asked || p.id.to_string() == asked);
        let found = found.ok_or_else(|| IdentityError::field("/project", "is no project that you may enter"))?;
        Ok(Some(found.id))
    }

    fn sign(&self, signer: &Signer, described: &Described) -> Result<String, IdentityError> {
        let now = self.env.now();
        let ends = (now + LIFE).min(described.expires_at);
        let claims = Claims {
            iss: self.issuer.as_str().to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: match described.holder {
                Holder::Person(user) => user.to_string(),
                Holder::ServiceAccount(account) => account.to_string(),
            },
            org: described.org.org,
            prj: described.project,
            fam: described.family,
            scp: described.scopes.names().into_iter().map(str::to_owned).collect(),
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: ends.timestamp(),
            jti: uuid::Uuid::from_bytes(self.env.random_bytes()).simple().to_string(),
        };
        let signed = self.issuer.sign(&signer.kid, &signer.key, &claims);
        signed.map_err(|e| IdentityError::Store(StoreError::Decode(format!("an access token cannot be signed: {e}"))))
    }

    /// Trades a refresh token for new tokens. Each works once; showing a used one again ends the whole family, because
    /// either the one who showed it first or the one who shows it now has stolen it.
    ///
    /// # Errors
    /// [`IdentityError::RefreshToken`], whatever is wrong; [`IdentityError::Conflict`] for a repetition that looks like
    /// a lost answer.
    pub(crate) async fn refresh(
        &self,
        text: &str,
        address: IpAddr,
        request_id: Option<String>,
    ) -> Result<Issued, IdentityError> {
        let hash = RefreshText::parse(text).ok_or(IdentityError::RefreshToken)?.hash();
        let (org, family) = system::family_of(&self.db, hash).await?.ok_or(IdentityError::RefreshToken)?;
        let opens = system::find(&self.db, family).await?.ok_or(IdentityError::RefreshToken)?;
        let scope = OrgScope::new(org);
        let now = self.env.now();
        let caller = Caller { actor: opens.actor.clone(), address: Some(address), request_id };
        let signer = self.keys.signer().await?;
        let tx = self.db.write(&scope).await?;
        let from = address.to_canonical().to_string();
        if !store::use_up(&tx, &scope, hash, &from, now).await? {
            tx.rollback().await?;
            return Err(self.used_before(&scope, family, hash, &from, &caller).await?);
        }
        // Used up, whatever follows: a token shown from the wrong place has been seen by somebody.
        let (good, key) = (is_good(&opens, now), opens.key.as_ref());
        let refused = key.and_then(|key| key.networks.as_ref()).is_some_and(|nets| !nets.contains(address));
        if !good || refused {
            tx.commit().await?;
            return Err(match refused && good {
                true => IdentityError::Unknown(AuthError::AddressRefused),
                false => IdentityError::RefreshToken,
            });
        }
        let refresh = RefreshText::generate(&self.env);
        store::insert_refresh(&tx, &scope, family, refresh.hash(), now, opens.expires_at).await?;
        store::used(&tx, &scope, family, &from, now).await?;
        let described = Described {
            org: scope,
            family,
            holder: opens.holder,
            project: opens.project,
            scopes: opens.scopes,
            expires_at: opens.expires_at,
        };
        let access = self.sign(&signer, &described)?;
        tx.commit().await?;
        Ok(Issued { access, refresh, family, family_expires_at: opens.expires_at })
    }

    /// What to answer when a used refresh token is shown.
    async fn used_before(
        &self,
        scope: &OrgScope,
        family: TokenFamilyId,
        hash: RefreshHash,
        from: &str,
        caller: &Caller,
    ) -> Result<IdentityError, IdentityError> {
        let now = self.env.now();
        let tx = self.db.write(scope).await?;
        let used = store::use_of(&tx, scope, hash).await?;
        let lost_answer = used.as_ref().is_some_and(|used| {
            used.used_from.as_deref() == Some(from) && used.used_at.is_some_and(|at| now - at <= LOST_ANSWER)
        });
        if lost_answer {
            tx.rollback().await?;
            let why = "This refresh token was used a moment ago; go on with the one in that answer. If it was lost, ask \
                       for tokens anew.";
            return Ok(IdentityError::Conflict(why.to_owned()));
        }
        if store::revoke(&tx, scope, None, family, "reuse", now).await? {
            let data = json!({ "family": family, "because": "reuse" });
            let event = Event::new("rhiza.identity.token_family.revoked", family.to_string()).data(&data);
            outbox::emit(&tx, scope, event, &self.env).await?;
            let entry = Entry::new(caller, "identity.token_family.revoke_reused", family.to_string()).after(&data);
            audit::record(&tx, scope, entry, &self.env).await?;
            tx.commit().await?;
            self.families.forget(&family);
            tracing::warn!(%family, "a used refresh token was shown again; its family is revoked");
        }
        Ok(IdentityError::RefreshToken)
    }

    /// A page of families, newest first: the caller's own, or everybody's for those who manage members.
    pub(crate) async fn page(
        &self,
        access: &OrgAccess,
        before: Option<TokenFamilyId>,
        limit: i64,
    ) -> Result<Vec<Family>, IdentityError> {
        let only = visible_to(access)?;
        let tx = self.db.read(&access.scope).await?;
        let found = store::list(&tx, &access.scope, only, self.env.now(), before, limit).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// Revokes a family. One that is revoked already stays so, and that is success.
    pub(crate) async fn revoke(&self, access: &OrgAccess, id: TokenFamilyId) -> Result<(), IdentityError> {
        let only = visible_to(access)?;
        let tx = self.db.write(&access.scope).await?;
        if !store::revoke(&tx, &access.scope, only, id, "revoked", self.env.now()).await? {
            return match store::exists(&tx, &access.scope, only, id).await? {
                true => Ok(()),
                false => Err(IdentityError::NotFound("token family")),
            };
        }
        let data = json!({ "family": id, "because": "revoked" });
        let event = Event::new("rhiza.identity.token_family.revoked", id.to_string()).data(&data);
        outbox::emit(&tx, &access.scope, event, &self.env).await?;
        let entry = Entry::new(&access.caller, "identity.token_family.revoke", id.to_string()).after(&data);
        audit::record(&tx, &access.scope, entry, &self.env).await?;
        tx.commit().await?;
        self.families.forget(&id);
        Ok(())
    }

    /// The keys with which anybody can check our tokens.
    pub(crate) async fn published(&self) -> Result<Vec<Published>, IdentityError> {
        Ok(self.keys.published().await?)
    }

    /// The installation's signing keys.
    pub(crate) fn keys(&self) -> &SigningKeys {
        &self.keys
    }
}

/// What a token is to say.
struct Described {
    org: OrgScope,
    family: TokenFamilyId,
    holder: Holder,
    project: Option<ProjectId>,
    scopes: Permissions,
    expires_at: DateTime<Utc>,
}

/// Whether the family may still be continued.
fn is_good(opens: &system::Opens, now: DateTime<Utc>) -> bool {
    let key_ended = opens.key.as_ref().and_then(|key| key.expires_at).is_some_and(|at| at <= now);
    !opens.revoked && opens.expires_at > now && !key_ended && opens.membership.is_some()
}

/// Name, scopes and days of new tokens. Scopes are written down one by one, `*` too: they only ever narrow what the
/// holder may do, so that what the maker's credential allows here bounds what the tokens allow anywhere.
fn terms(principal: &Principal, new: &NewFamily) -> Result<(String, Permissions, u32), IdentityError> {
    let mut faults = Faults::default();
    let name = faults.take("/name", people::display_name(&new.name));
    let grantable = principal.in_organization.allowed.union(principal.in_project.allowed);
    let scopes = match new.scopes.as_deref() {
        None => match Scopes::for_work(|p| grantable.contains(p)) {
            Scopes::Listed(listed) => listed.into_iter().collect(),
            Scopes::All => grantable,
        },
        Some([all]) if all == "*" => grantable,
        Some(names) => listed(names, grantable, &mut faults),
    };
    let days = new.expires_in_days.unwrap_or(MAX_DAYS);
    if !(1..=MAX_DAYS).contains(&days) {
        faults.push("/expires_in_days", "must be between 1 and 30");
    }
    match name {
        Some(name) => faults.finish().map(|()| (name, scopes, days)),
        None => Err(faults.into_error()),
    }
}

fn listed(names: &[String], grantable: Permissions, faults: &mut Faults) -> Permissions {
    let mut all = Permissions::NONE;
    for (at, name) in names.iter().enumerate() {
        match name.parse::<Permission>() {
            Ok(permission) if grantable.contains(permission) => all = all.with(permission),
            Ok(permission) => {
                faults.push(
                    &format!("/scopes/{at}"),
                    format!("{permission} is more than you may do with this credential"),
                );
            }
            Err(_) => faults.push(&format!("/scopes/{at}"), format!("{name:?} is not a permission")),
        }
    }
    if names.is_empty() {
        faults.push("/scopes", "must not be empty: such a token could do nothing");
    }
    all
}

/// Whose families the caller may see and revoke; `None` for everybody's.
fn visible_to(access: &OrgAccess) -> Result<Option<Holder>, IdentityError> {
    let principal = &access.principal;
    match principal.may_in_organization(Permission::MemberManage) && principal.confined_to.is_none() {
        true => Ok(None),
        false => Holder::of(&principal.actor).map(Some).ok_or_else(nobody),
    }
}

fn nobody() -> IdentityError {
    IdentityError::Denied("Tokens belong to people and service accounts.".to_owned())
}

fn shown(family: &Family) -> serde_json::Value {
    let key: Option<KeyId> = family.key;
    json!({
        "id": family.id,
        "name": family.name,
        "user": family.user,
        "service_account": family.service_account,
        "key": key,
        "project": family.project,
        "scopes": family.scopes.names(),
        "expires_at": family.expires_at,
    })
}
