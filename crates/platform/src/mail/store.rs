//! The SQL of letters as their writers see them.

use rhiza_kernel::{Env, MailId, OrgId, TypedId as _};
use rhiza_store::{StoreError, Tx, binds};

use super::model::{State, Template};
use crate::secrets::{KeyKind, KeyValue, SealedColumn};

/// The sealed column of this slice, for rotation.
pub const SEALED: SealedColumn = SealedColumn {
    table: "mails",
    key: &[("mail_id", KeyKind::Uuid)],
    column: "sealed",
    purpose: |key| match key {
        [KeyValue::Uuid(id)] => purpose(MailId::from_uuid(*id)),
        _ => String::new(),
    },
};

/// For what a letter's content is sealed.
pub(super) fn purpose(id: MailId) -> String {
    format!("mail:{id}")
}

/// A letter about to be kept.
pub(super) struct NewMail {
    pub(super) id: MailId,
    pub(super) org: Option<OrgId>,
    pub(super) recipient: String,
    pub(super) template: Template,
    pub(super) state: State,
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) error: Option<&'static str>,
}

pub(super) async fn insert(tx: &Tx, mail: NewMail, env: &Env) -> Result<(), StoreError> {
    let now = env.now();
    let settled = (mail.state != State::Queued).then_some(now);
    tx.execute(
        "INSERT INTO mails (mail_id, org_id, recipient, recipient_key, template, state, sealed, error, created_at,
           settled_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        binds![
            mail.id.uuid(),
            mail.org.map(|org| org.uuid()),
            mail.recipient.clone(),
            mail.recipient.to_lowercase(),
            mail.template.as_str(),
            mail.state.as_str(),
            mail.sealed,
            mail.error,
            now,
            settled,
        ],
    )
    .await?;
    Ok(())
}
