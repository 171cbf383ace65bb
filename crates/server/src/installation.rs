//! An installation as the settings describe it: its database, its blobs, the clock. Every command begins here.

use std::path::Path;

use rhiza_kernel::Env;
use rhiza_platform::config::{Config, Environment};
use rhiza_platform::runtime;
use rhiza_platform::secrets::SealedColumn;
use rhiza_store::{BlobOptions, Blobs, Db, DbOptions, DbUrl, Isolation, MigrationSet, S3Options};

use crate::error::Failure;

/// Every slice's schema, in the order in which they refer to each other.
pub(crate) const MIGRATIONS: &[MigrationSet] =
    &[rhiza_platform::MIGRATIONS, rhiza_identity::MIGRATIONS, rhiza_tracking::MIGRATIONS, rhiza_mlops::MIGRATIONS];

/// Every column that holds sealed values: what `rhiza secrets rotate` seals anew.
pub(crate) const SEALED: &[SealedColumn] = &[
    rhiza_platform::mail::SEALED,
    rhiza_platform::audit::SEALED,
    rhiza_identity::SEALED_TOTP,
    rhiza_identity::SEALED_SIGNING_KEYS,
];

/// The opened parts of an installation.
#[derive(Clone)]
pub(crate) struct Installation {
    pub(crate) config: Config,
    pub(crate) env: Env,
    pub(crate) db: Db,
    pub(crate) blobs: Blobs,
}

impl Installation {
    /// Opens the installation and brings its schema up to date.
    pub(crate) async fn open(config: Config) -> Result<Self, Failure> {
        let mut installation = Self::open_unmigrated(config).await?;
        let report = installation.db.migrate(MIGRATIONS).await?;
        for migration in report.migrations {
            tracing::info!(migration, "schema brought up to date");
        }
        let production = installation.config.env == Environment::Production;
        if installation.db.isolation() == Isolation::Bypassed && production {
            return Err(Failure::failed(
                "the database user bypasses row-level security and cannot create the roles rhiza_app and rhiza_system. \
                 Connect as a user without SUPERUSER and BYPASSRLS, or grant CREATEROLE once.",
            ));
        }
        Ok(installation)
    }

    /// Opens the installation as it is.
    pub(crate) async fn open_unmigrated(config: Config) -> Result<Self, Failure> {
        let mut options = DbOptions::new(DbUrl::parse(&config.database_url())?);
        options.max_connections = config.database.max_connections;
        options.sqlite_cache_kib = config.database.sqlite_cache_kib;
        let db = Db::open(&options).await?;
        let blobs = Blobs::open(&blob_options(&config)?).await?;
        Ok(Self { config, env: runtime::system_env(), db, blobs })
    }

    /// Closes the database.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        Ok(self.db.close().await?)
    }
}

fn blob_options(config: &Config) -> Result<BlobOptions, Failure> {
    use secrecy::ExposeSecret as _;
    let url = config.storage_url();
    if let Some(folder) = url.strip_prefix("file://") {
        return Ok(BlobOptions::Local(Path::new(folder).to_path_buf()));
    }
    let Some(place) = url.strip_prefix("s3://") else {
        return Err(Failure::usage("storage.url must begin with file:// or s3://"));
    };
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let storage = &config.storage;
    let set = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(BlobOptions::S3(S3Options {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        endpoint: set(&storage.s3_endpoint),
        region: storage.s3_region.clone(),
        access_key_id: set(&storage.s3_access_key_id),
        secret_access_key: set(storage.s3_secret_access_key.expose_secret()),
        path_style: storage.s3_path_style,
    }))
}
