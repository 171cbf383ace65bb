//! Writing letters.

use rhiza_kernel::{Env, MailId, OrgScope};
use rhiza_store::{StoreError, Tx};
use serde_json::json;
use url::Url;

use super::jobs::KIND;
use super::model::{Content, Letter, State};
use super::render::{Renderer, plain};
use super::smtp;
use super::store::{self, NewMail};
use crate::jobs::{NewJob, enqueue};
use crate::secrets::Sealer;

/// What the post office needs to know.
#[derive(Debug, Clone)]
pub struct PostOptions {
    /// The address people type; every link begins with it.
    pub public_url: Url,
    /// Whether letters lead anywhere: a mail server, or a developer's log. See [`Post::is_available`].
    pub available: bool,
}

/// Takes letters and sees to it that they are sent.
#[derive(Debug, Clone)]
pub struct Post {
    env: Env,
    sealer: Sealer,
    renderer: Renderer,
    available: bool,
}

impl Post {
    /// A post office.
    #[must_use]
    pub fn new(env: Env, sealer: Sealer, options: PostOptions) -> Self {
        Self { env, sealer, renderer: Renderer::new(&options.public_url), available: options.available }
    }

    /// Whether letters can be sent. Where not, whatever cannot work without mail (registration with a verified address,
    /// resetting a password) must say so instead of promising a letter.
    #[must_use]
    pub const fn is_available(&self) -> bool {
        self.available
    }

    /// Writes a letter in the caller's transaction, a tenant's or a system one: it will be sent if that commits. An
    /// address to which no mail can be written makes a letter that has failed, and no error: who asked learns nothing
    /// from it.
    ///
    /// # Errors
    /// Database failures, and letters whose values do not fit their template.
    pub async fn send(&self, tx: &Tx, letter: Letter) -> Result<MailId, StoreError> {
        let rendered = self
            .renderer
            .render(letter.template, &letter.values)
            .map_err(|fault| StoreError::Decode(fault.to_string()))?;
        let id: MailId = self.env.new_id();
        let refused = self.refused(&letter.to);
        let content = Content {
            to: letter.to.clone(),
            name: letter.name.map(|name| plain(&name, NAME)).filter(|name| !name.is_empty()),
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
        };
        let sealed = match refused {
            Some(_) => None,
            None => {
                let bytes = serde_json::to_vec(&content).map_err(|e| StoreError::Decode(e.to_string()))?;
                Some(self.sealer.seal(&store::purpose(id), &bytes))
            }
        };
        let mail = NewMail {
            id,
            org: tx.org(),
            recipient: plain(&letter.to, ADDRESS),
            template: letter.template,
            state: if refused.is_some() { State::Failed } else { State::Queued },
            sealed,
            error: refused,
        };
        store::insert(tx, mail, &self.env).await?;
        if refused.is_some() {
            tracing::warn!(mail = %id, template = letter.template.as_str(), reason = refused, "a letter is not sent");
            return Ok(id);
        }
        let job = NewJob::new(KIND, json!({ "mail": id })).max_attempts(letter.template.attempts());
        let job = match tx.org() {
            Some(org) => job.org(OrgScope::new(org)),
            None => job,
        };
        enqueue(tx, job, &self.env).await?;
        Ok(id)
    }

    pub(super) const fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    fn refused(&self, to: &str) -> Option<&'static str> {
        if !self.available {
            return Some("mail is switched off");
        }
        smtp::address(to).is_none().then_some("no mail can be written to this address")
    }
}

/// Characters of an address that are kept (RFC 5321 knows no longer ones), and of a name.
const ADDRESS: usize = 320;
const NAME: usize = 100;
