//! What a person does to their own account concerns every organisation they belong to: each gets the event and the entry
//! in its audit chain.

use rhiza_kernel::{Env, OrgId, OrgScope, UserId};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::outbox::{self, Event};
use rhiza_store::{StoreError, Tx};

use crate::people;

/// Writes `entry`, and `event` where there is one, in every organisation of `user`. Needs a system transaction, and
/// comes last in it: it takes the lock of each chain, in the order of the organisations' ids.
pub(crate) async fn record(
    tx: &Tx,
    env: &Env,
    user: UserId,
    event: Option<Event>,
    entry: Entry,
) -> Result<(), StoreError> {
    let organizations = people::system::organizations_of(tx, user).await?;
    record_in(tx, env, &organizations, event, entry).await
}

/// As [`record`], in these organisations: of somebody who belongs to them no more, say.
pub(crate) async fn record_in(
    tx: &Tx,
    env: &Env,
    organizations: &[OrgId],
    event: Option<Event>,
    entry: Entry,
) -> Result<(), StoreError> {
    if let Some(event) = event {
        for org in organizations {
            outbox::emit(tx, &OrgScope::new(*org), event.clone(), env).await?;
        }
    }
    for org in organizations {
        audit::record(tx, &OrgScope::new(*org), entry.clone(), env).await?;
    }
    Ok(())
}
