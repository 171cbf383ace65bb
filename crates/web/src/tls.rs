//! TLS from certificate and key files, which may be renewed while the server runs: new connections get the new
//! certificate, and a renewal that cannot be read leaves the old one in place.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Where the certificate chain and its key are, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
}

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file holds no certificate, or no key.
    #[error("{path} holds no {wanted} in PEM form")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
    },
    /// The key is of an unknown kind or is not the certificate's.
    #[error("the certificate and the key do not make a pair")]
    Pair(#[source] rustls::Error),
    /// No protocol version is left to offer.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// TLS, ready for connections.
#[derive(Debug, Clone)]
pub struct Tls {
    files: TlsFiles,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
    provider: Arc<CryptoProvider>,
}

/// The certificate new connections get.
#[derive(Debug)]
struct Current {
    key: ArcSwap<CertifiedKey>,
    /// Tells whether the files have changed, without keeping the key's bytes around.
    fingerprint: ArcSwap<u64>,
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key.load_full())
    }
}

impl Tls {
    /// Reads the files and prepares for connections: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// Says which file is missing, unreadable, or not what it should be.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let pem = Pem::read(&files)?;
        let current = Arc::new(Current {
            key: ArcSwap::from_pointee(pem.pair(&files, &provider)?),
            fingerprint: ArcSwap::from_pointee(pem.fingerprint()),
        });
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { files, current, config: Arc::new(config), provider })
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Reads the files again and takes them if they have changed; true when they have.
    ///
    /// # Errors
    /// As [`Tls::load`]; the old certificate stays in place.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let pem = Pem::read(&self.files)?;
        let fingerprint = pem.fingerprint();
        if **self.current.fingerprint.load() == fingerprint {
            return Ok(false);
        }
        let key = pem.pair(&self.files, &self.provider)?;
        self.current.key.store(Arc::new(key));
        self.current.fingerprint.store(Arc::new(fingerprint));
        Ok(true)
    }

    /// Looks at the files every so often, for ever. Contents are compared, not times: tools that renew certificates
    /// swap links and keep times as they like.
    pub(crate) async fn watch(&self, every: Duration) {
        let mut failing = false;
        loop {
            tokio::time::sleep(every).await;
            // The chain and the key are two files: while only one of them is written, they make no pair.
            let result = self.reload();
            match &result {
                Ok(true) => {
                    tracing::info!(certificate = %self.files.certificate.display(), "took a renewed certificate")
                }
                Ok(false) => {}
                Err(error) if !failing => {
                    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
                    tracing::warn!(%error, cause, "cannot take the renewed certificate; the old one stays");
                }
                Err(_) => {}
            }
            failing = result.is_err();
        }
    }
}

/// The files' contents.
struct Pem {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Pem {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let read = |path: &Path| std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source });
        Ok(Self { certificate: read(&files.certificate)?, key: read(&files.key)? })
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.certificate.hash(&mut hasher);
        self.key.hash(&mut hasher);
        hasher.finish()
    }

    fn pair(&self, files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
        let no_chain = || TlsError::Pem { path: files.certificate.clone(), wanted: "certificate" };
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&self.certificate).collect::<Result<_, _>>().map_err(|_| no_chain())?;
        if chain.is_empty() {
            return Err(no_chain());
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| TlsError::Pem { path: files.key.clone(), wanted: "private key" })?;
        CertifiedKey::from_der(chain, key, provider).map_err(TlsError::Pair)
    }
}
