//! TLS for those who connect: rustls, with a certificate that may be exchanged while the process runs.

use std::{path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tracing::{error, info, warn};

use crate::{BoxError, metrics, reload::Contents};

/// A certificate that ends so soon is warned of at every start and change.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Files in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of the service, then those that lead to its root.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Roots of the certificates that callers must show; none are asked for without it.
    pub client_roots: Option<PathBuf>,
}

/// The configuration in force.
pub struct Tls {
    files: TlsFiles,
    http1: bool,
    contents: ArcSwap<Contents>,
    state: ArcSwap<State>,
}

#[derive(Debug)]
struct State {
    config: Arc<ServerConfig>,
    expires_at: Timestamp,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// If one is missing or they do not belong together.
    pub fn open(files: TlsFiles, http1: bool) -> Result<Self, BoxError> {
        let contents = Contents::now(&files.paths());
        let state = State::of(&files, http1, &contents)?;
        Ok(Self { files, http1, contents: ArcSwap::from_pointee(contents), state: ArcSwap::from_pointee(state) })
    }

    /// What the next connection uses.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.state.load().config)
    }

    /// When the service's certificate ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.state.load().expires_at
    }

    /// Reads the files again if one of them has changed. What cannot be used is logged, and what was there stays in force.
    pub fn refresh(&self) {
        if !self.contents.load().has_changed() {
            return;
        }
        let contents = Contents::now(&self.files.paths());
        match State::of(&self.files, self.http1, &contents) {
            Ok(state) => {
                info!(expires_at = %state.expires_at, "the certificate was exchanged");
                self.state.store(Arc::new(state));
            }
            Err(cause) => {
                error!(error = %cause, "the changed certificate cannot be used: the one before stays in force")
            }
        }
        self.contents.store(Arc::new(contents));
    }
}

impl TlsFiles {
    fn paths(&self) -> Vec<PathBuf> {
        [Some(&self.certificate), Some(&self.key), self.client_roots.as_ref()].into_iter().flatten().cloned().collect()
    }
}

impl State {
    fn of(files: &TlsFiles, http1: bool, contents: &Contents) -> Result<Self, BoxError> {
        let certificates = certificates(contents, &files.certificate)?;
        let first =
            certificates.first().ok_or_else(|| format!("{} has no certificate", files.certificate.display()))?;
        let expires_at = expiry(first).ok_or_else(|| format!("{} cannot be read", files.certificate.display()))?;
        metrics::certificate_expires(expires_at.into());
        if expires_at.duration_since(Timestamp::now()) < SOON.try_into()? {
            warn!(%expires_at, "the certificate ends soon: exchange it");
        }
        let key = PrivateKeyDer::from_pem_slice(contents.bytes(&files.key)?)
            .map_err(|error| format!("{} has no private key: {error}", files.key.display()))?;
        let provider = Arc::new(ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let builder = match &files.client_roots {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for root in self::certificates(contents, path)? {
                    roots.add(root)?;
                }
                let verifier: Arc<dyn ClientCertVerifier> =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(certificates, key)
            .map_err(|error| format!("the certificate and the key do not fit: {error}"))?;
        config.alpn_protocols.push(b"h2".to_vec());
        if http1 {
            config.alpn_protocols.push(b"http/1.1".to_vec());
        }
        Ok(Self { config: Arc::new(config), expires_at })
    }
}

fn certificates(contents: &Contents, path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, BoxError> {
    CertificateDer::pem_slice_iter(contents.bytes(path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{} has no certificates: {error}", path.display()).into())
}

fn expiry(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn certify(files: &TlsFiles) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(&files.certificate, made.cert.pem()).unwrap();
        fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    }

    #[test]
    fn only_a_whole_certificate_takes_the_place_of_another() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let files = TlsFiles { certificate: path("a.pem"), key: path("a.key.pem"), client_roots: None };
        assert!(Tls::open(files.clone(), false).is_err(), "nothing is there yet");
        certify(&files);
        let tls = Tls::open(files.clone(), false).unwrap();
        let first = tls.config();
        tls.refresh();
        assert!(Arc::ptr_eq(&first, &tls.config()), "nothing has changed");

        let key = fs::read(&files.key).unwrap();
        certify(&files);
        let other_key = fs::read(&files.key).unwrap();
        fs::write(&files.key, key).unwrap();
        tls.refresh();
        assert!(Arc::ptr_eq(&first, &tls.config()), "the key belongs to the certificate before");
        fs::write(&files.key, other_key).unwrap();
        tls.refresh();
        assert!(!Arc::ptr_eq(&first, &tls.config()));
        assert!(tls.expires_at() > Timestamp::now());
        fs::write(&files.certificate, "no certificate").unwrap();
        assert!(Tls::open(files, false).is_err());
    }
}
