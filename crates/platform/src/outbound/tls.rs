//! Whom outgoing connections trust: the machine's roots, and Mozilla's where the machine has none (bare containers).

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::error::OutboundError;

/// TLS for clients, verified, with `extra` roots (PEM) beside the usual ones.
pub(super) fn config(extra: Option<&str>) -> Result<ClientConfig, OutboundError> {
    let setup = |e: &dyn std::fmt::Display| OutboundError::Setup(e.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = || {
        ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| setup(&e))
    };
    let mut config = match extra {
        None => match builder()?.with_platform_verifier() {
            Ok(verified) => verified.with_no_client_auth(),
            Err(error) => {
                tracing::info!(%error, "this machine has no certificate roots of its own; Mozilla's are used");
                builder()?.with_root_certificates(mozilla()).with_no_client_auth()
            }
        },
        Some(pem) => {
            let extra = certificates(pem)?;
            let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
                .map_err(|e| setup(&e))?;
            builder()?.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn mozilla() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

fn certificates(pem: &str) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, OutboundError> {
    use rustls::pki_types::pem::PemObject as _;
    let found: Result<Vec<_>, _> = rustls::pki_types::CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(OutboundError::Setup("the file of trusted certificates holds none".to_owned())),
        Err(error) => Err(OutboundError::Setup(format!("the file of trusted certificates is not PEM: {error}"))),
    }
}
