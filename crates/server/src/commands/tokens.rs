//! `rhiza tokens rotate-signing-key`: a new key for access tokens, at the operator's wish.

use serde_json::json;

use crate::cli::{Settings, TokensCommand};
use crate::commands::print_json;
use crate::error::Failure;
use crate::installation::Installation;
use crate::serve::sealer;
use crate::settings;

pub(crate) async fn run(command: TokensCommand, given: &Settings) -> Result<(), Failure> {
    let TokensCommand::RotateSigningKey = command;
    let installation = Installation::open(settings::load(given)?).await?;
    let outcome = match sealer(&installation).await {
        Ok(sealer) => rhiza_identity::rotate_signing_key(&installation.db, &installation.env, &sealer)
            .await
            .map_err(|e| Failure::failed(e.to_string())),
        Err(failure) => Err(failure),
    };
    installation.close().await?;
    let made = outcome?;
    print_json(&json!({ "kid": made.kid, "signs_from": made.signs_from }))
}
