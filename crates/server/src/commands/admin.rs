//! `rhiza admin init`: the first owner without a browser.

use std::io::Read as _;

use rhiza_identity::Passwords;
use rhiza_identity::setup::{self, NewOwner};
use secrecy::SecretString;

use crate::cli::{AdminCommand, Settings};
use crate::commands::print_json;
use crate::error::Failure;
use crate::installation::Installation;
use crate::router::password_cost;
use crate::settings;

/// A password longer than this is a file given by mistake.
const LONGEST: u64 = 4096;

pub(crate) async fn run(command: AdminCommand, given: &Settings) -> Result<(), Failure> {
    let AdminCommand::Init { email, organization, project, password_stdin: _ } = command;
    let config = settings::load(given)?;
    let mut password = String::new();
    std::io::stdin()
        .take(LONGEST)
        .read_to_string(&mut password)
        .map_err(|e| Failure::usage(format!("cannot read the password from standard input: {e}")))?;
    let password = SecretString::from(password.trim_end_matches(['\r', '\n']).to_owned());
    let installation = Installation::open(config).await?;
    let passwords = Passwords::new(password_cost(&installation.config), installation.env.clone())
        .map_err(|e| Failure::failed(format!("passwords cannot be hashed: {e}")))?;
    let owner = NewOwner { email, password, name: None, organization, project };
    let outcome = setup::init_owner(&installation.db, &installation.env, &passwords, owner).await;
    installation.close().await?;
    let owner = outcome.map_err(Failure::listing)?;
    print_json(&serde_json::to_value(owner).map_err(|e| Failure::failed(e.to_string()))?)
}
