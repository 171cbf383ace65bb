//! `rhiza admin`: what the operator does without a browser.

use std::io::Read as _;

use rhiza_identity::Passwords;
use rhiza_identity::setup::{self, NewOwner};
use rhiza_platform::limits::Plans;
use secrecy::SecretString;
use serde_json::json;

use crate::cli::{AdminCommand, Settings};
use crate::commands::print_json;
use crate::error::Failure;
use crate::installation::Installation;
use crate::router::password_cost;
use crate::settings;

/// A password longer than this is a file given by mistake.
const LONGEST: u64 = 4096;

pub(crate) async fn run(command: AdminCommand, given: &Settings) -> Result<(), Failure> {
    match command {
        AdminCommand::Init { email, organization, project, password_stdin: _ } => {
            init(email, organization, project, given).await
        }
        AdminCommand::SetPlan { organization, plan } => set_plan(&organization, &plan, given).await,
    }
}

/// The word for no plan of one's own.
const DEFAULT: &str = "default";

async fn set_plan(organization: &str, plan: &str, given: &Settings) -> Result<(), Failure> {
    let config = settings::load(given)?;
    let plans = Plans::new(&config.limits);
    if plan != DEFAULT && !plans.contains(plan) {
        let names: Vec<&str> = plans.names().collect();
        return Err(Failure::usage(format!("there is no plan {plan:?}; the settings know {}", names.join(", "))));
    }
    let stored = if plan == DEFAULT { "" } else { plan };
    let installation = Installation::open(config).await?;
    let outcome = rhiza_identity::set_plan(&installation.db, &installation.env, organization, stored).await;
    installation.close().await?;
    let Some(set) = outcome? else {
        return Err(Failure::failed(format!("there is no organisation {organization:?}")));
    };
    let before = if set.before.is_empty() { DEFAULT } else { &set.before };
    print_json(&json!({ "organization_id": set.org, "plan": plan, "before": before }))
}

async fn init(email: String, organization: String, project: Option<String>, given: &Settings) -> Result<(), Failure> {
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
