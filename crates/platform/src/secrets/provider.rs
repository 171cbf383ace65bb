//! Where the master key comes from: the settings, a file, a vault, or (in development) a file made at the first start.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rhiza_kernel::Env;
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::keys::{KeyRing, MasterKey};
use super::{SecretsError, aws, vault};
use crate::config::{Config, Environment, SecretsConfig};
use crate::outbound::{OperatorClient, operator_client};

/// The file in the data folder that a development installation makes.
pub const DEVELOPMENT_KEY: &str = "master.key";

/// Keys as a place gives them: the current one and earlier ones, as text.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) place: String,
    pub(super) current: Zeroizing<String>,
    pub(super) previous: Vec<Zeroizing<String>>,
}

/// The keys of the installation, from wherever the settings say.
///
/// # Errors
/// Says which place failed and how, and never shows a key.
pub async fn load(config: &Config, env: &Env) -> Result<KeyRing, SecretsError> {
    let secrets = &config.secrets;
    let given = if !secrets.master_key.expose_secret().is_empty() {
        let key = Zeroizing::new(secrets.master_key.expose_secret().to_owned());
        Given { place: "secrets.master_key".to_owned(), current: key, previous: Vec::new() }
    } else if !secrets.master_key_file.is_empty() {
        from_file(Path::new(&secrets.master_key_file), config.env)?
    } else if !secrets.vault_address.is_empty() {
        vault::load(secrets).await?
    } else if !secrets.aws_secret_id.is_empty() {
        aws::load(config, env).await?
    } else if config.env == Environment::Development {
        development(&config.data_dir.join(DEVELOPMENT_KEY), env)?
    } else {
        return Err(SecretsError::BadKey(
            "secrets.master_key is not set; `rhiza secrets generate` makes one".to_owned(),
        ));
    };
    ring(&given, secrets)
}

/// A client for a vault that the operator named. `authority`: a file of certificates, from the setting of that name.
pub(super) fn client(authority: &str, setting: &str) -> Result<reqwest::Client, SecretsError> {
    let roots = match authority {
        "" => None,
        file => Some(
            fs::read_to_string(file)
                .map_err(|e| SecretsError::Provider(format!("{setting}: {file} cannot be read: {e}")))?,
        ),
    };
    let options = OperatorClient { total: Some(PATIENCE), roots, ..OperatorClient::default() };
    operator_client(&options).map_err(|e| SecretsError::Provider(format!("no connection to a vault is possible: {e}")))
}

/// A vault that takes longer for one small answer is not well; a start that hangs says nothing.
const PATIENCE: Duration = Duration::from_secs(15);

fn ring(given: &Given, secrets: &SecretsConfig) -> Result<KeyRing, SecretsError> {
    let current = MasterKey::parse(&given.current, &given.place)?;
    let mut previous = Vec::new();
    for key in &given.previous {
        previous.push(MasterKey::parse(key, &format!("{} (an earlier one)", given.place))?);
    }
    for key in &secrets.previous_keys {
        previous.push(MasterKey::parse(key.expose_secret(), "secrets.previous_keys")?);
    }
    Ok(KeyRing::new(current, previous))
}

/// A key file is one line of base64.
const LONGEST_FILE: u64 = 1024;

fn from_file(path: &Path, environment: Environment) -> Result<Given, SecretsError> {
    let fault =
        |e: std::io::Error| SecretsError::BadKey(format!("the master key file {} cannot be read: {e}", path.display()));
    let known = fs::metadata(path).map_err(fault)?;
    if known.len() > LONGEST_FILE {
        return Err(SecretsError::BadKey(format!("{} is too long for a master key", path.display())));
    }
    // Group may read: that is how orchestrators hand files to a process that is not root.
    if environment == Environment::Production && known.mode() & 0o007 != 0 {
        return Err(SecretsError::BadKey(format!(
            "the master key file {} can be used by everybody on this machine: chmod 600 it",
            path.display()
        )));
    }
    let current = Zeroizing::new(fs::read_to_string(path).map_err(fault)?);
    Ok(Given { place: path.display().to_string(), current, previous: Vec::new() })
}

/// Reads the development key, or makes it. Written beside and linked into place, so that it is whole or not there, and
/// so that of two processes that start together both use the same.
fn development(path: &Path, env: &Env) -> Result<Given, SecretsError> {
    if !path.exists() {
        let fault = |e: std::io::Error| {
            SecretsError::BadKey(format!("the master key cannot be kept in {}: {e}", path.display()))
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(fault)?;
        }
        let part = PathBuf::from(format!("{}.{}", path.display(), hex::encode(env.random_bytes::<8>())));
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).map_err(fault)?;
        let linked = file
            .write_all(format!("{}\n", *MasterKey::generate(env)).as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::hard_link(&part, path));
        fs::remove_file(&part).map_err(fault)?;
        match linked {
            Ok(()) => tracing::info!(file = %path.display(), "made a master key for development"),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(fault(e)),
        }
    }
    from_file(path, Environment::Development)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::DateTime;

    use super::*;

    fn env(seed: u64) -> Env {
        Env::fixed(DateTime::from_timestamp(1_780_000_000, 0).unwrap(), seed).0
    }

    fn config(folder: &Path, pairs: &[(&str, &str)]) -> Config {
        let mut all: BTreeMap<String, String> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        all.insert("RHIZA_DATA_DIR".to_owned(), folder.display().to_string());
        crate::config::load(None, &all, &[]).unwrap()
    }

    #[tokio::test]
    async fn development_makes_a_key_once_that_nobody_else_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&folder.path().join("new"), &[]);
        let first = load(&config, &env(1)).await.unwrap();
        let again = load(&config, &env(2)).await.unwrap();
        assert_eq!(first.current().id(), again.current().id());
        let file = folder.path().join("new").join(DEVELOPMENT_KEY);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 1, "no part is left behind");
    }

    #[tokio::test]
    async fn a_truncated_key_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), &[]);
        load(&config, &env(1)).await.unwrap();
        let file = folder.path().join(DEVELOPMENT_KEY);
        let whole = fs::read_to_string(&file).unwrap();
        for length in [0, 1, 20, 42] {
            fs::write(&file, &whole[..length]).unwrap();
            let error = load(&config, &env(1)).await.unwrap_err().to_string();
            assert!(error.contains("master.key") && !error.contains(&whole[..20]), "{error}");
            assert_eq!(fs::read_to_string(&file).unwrap(), whole[..length]);
        }
        fs::write(&file, vec![b'a'; 5000]).unwrap();
        assert!(load(&config, &env(1)).await.unwrap_err().to_string().contains("too long"));
    }

    #[tokio::test]
    async fn the_settings_win_and_previous_keys_open() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (MasterKey::generate(&env(1)), MasterKey::generate(&env(2)));
        let config = config(
            folder.path(),
            &[("RHIZA_SECRETS__MASTER_KEY", a.as_str()), ("RHIZA_SECRETS__PREVIOUS_KEYS", b.as_str())],
        );
        let ring = load(&config, &env(3)).await.unwrap();
        assert_eq!(ring.iter().count(), 2);
        assert_eq!(ring.current().id(), MasterKey::parse(&a, "").unwrap().id());
        assert!(!folder.path().join(DEVELOPMENT_KEY).exists());
    }

    #[tokio::test]
    async fn a_key_file_that_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), &[("RHIZA_SECRETS__MASTER_KEY_FILE", "/no/such/key")]);
        assert!(load(&config, &env(3)).await.unwrap_err().to_string().contains("/no/such/key"));
    }

    #[test]
    fn production_refuses_a_key_file_that_everybody_may_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        fs::write(&file, &*MasterKey::generate(&env(1))).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(from_file(&file, Environment::Production).unwrap_err().to_string().contains("chmod 600"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(from_file(&file, Environment::Production).is_ok());
    }
}
