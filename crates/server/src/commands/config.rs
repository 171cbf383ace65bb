//! `rhiza config check|reference|default`.

use rhiza_platform::config::{DEFAULTS, reference};

use crate::cli::{ConfigCommand, Settings};
use crate::commands::print;
use crate::error::Failure;
use crate::settings;

pub(crate) fn run(command: &ConfigCommand, given: &Settings) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check => {
            let config = settings::load(given)?;
            print(&format!("the settings are good ({:?}, {})", config.env, config.public_url()));
        }
        ConfigCommand::Reference => print(&reference()),
        ConfigCommand::Default => print(DEFAULTS),
    }
    Ok(())
}
