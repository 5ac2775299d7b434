//! What a client shows and whom it believes: roots, a certificate of its own, a token.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use thiserror::Error;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
    transport::{Certificate, ClientTlsConfig, Identity},
};

/// A file with a token is read again after so long: tokens are renewed while processes run.
const REFRESH: Duration = Duration::from_secs(5);

/// Credentials of a client. All may be missing: then calls go without a token, and `https` endpoints are believed by the
/// system's roots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Roots that the service's certificate must lead to, PEM.
    pub ca_file: Option<PathBuf>,
    /// A file with a token (JWT) or a static key.
    pub token_file: Option<PathBuf>,
    /// A certificate to show, and its key, PEM.
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

/// Why credentials cannot be used.
#[derive(Debug, Error)]
pub enum CredentialError {
    #[error("{} cannot be read: {cause}", .path.display())]
    Unreadable { path: PathBuf, cause: std::io::Error },
    #[error("{} holds no token", .0.display())]
    NoToken(PathBuf),
    #[error("a certificate needs its key, and a key its certificate")]
    HalfIdentity,
}

impl Credentials {
    /// Takes them from settings by name: `DAYBOOK_CA_FILE`, `DAYBOOK_TOKEN_FILE`, `DAYBOOK_CLIENT_CERT_FILE` and
    /// `DAYBOOK_CLIENT_KEY_FILE`.
    pub fn from_settings(mut setting: impl FnMut(&str) -> Option<PathBuf>) -> Self {
        Self {
            ca_file: setting("DAYBOOK_CA_FILE"),
            token_file: setting("DAYBOOK_TOKEN_FILE"),
            certificate_file: setting("DAYBOOK_CLIENT_CERT_FILE"),
            key_file: setting("DAYBOOK_CLIENT_KEY_FILE"),
        }
    }

    /// How an `https` endpoint is connected to.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(crate) fn tls(&self) -> Result<ClientTlsConfig, CredentialError> {
        let mut tls = ClientTlsConfig::new();
        tls = match &self.ca_file {
            Some(path) => tls.ca_certificate(Certificate::from_pem(read(path)?)),
            None => tls.with_native_roots(),
        };
        match (&self.certificate_file, &self.key_file) {
            (Some(certificate), Some(key)) => Ok(tls.identity(Identity::from_pem(read(certificate)?, read(key)?))),
            (None, None) => Ok(tls),
            _ => Err(CredentialError::HalfIdentity),
        }
    }

    /// What puts the token on every call.
    ///
    /// # Errors
    /// If the file has none.
    pub(crate) fn bearer(&self) -> Result<Bearer, CredentialError> {
        let Some(path) = &self.token_file else { return Ok(Bearer::default()) };
        let value = value(path)?;
        let token = Token { path: path.clone(), state: RwLock::new((Instant::now(), value)) };
        Ok(Bearer(Some(Arc::new(token))))
    }
}

/// Puts the token on every call.
#[derive(Clone, Debug, Default)]
pub struct Bearer(Option<Arc<Token>>);

struct Token {
    path: PathBuf,
    state: RwLock<(Instant, MetadataValue<Ascii>)>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Token {
    fn current(&self) -> MetadataValue<Ascii> {
        let (read_at, known) = self.state.read().unwrap_or_else(PoisonError::into_inner).clone();
        if read_at.elapsed() < REFRESH {
            return known;
        }
        // A file that is being replaced may be away for a moment: the token before is as good as it was.
        let current = value(&self.path).unwrap_or(known);
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), current.clone());
        current
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.current());
        }
        Ok(request)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CredentialError> {
    fs::read(path).map_err(|cause| CredentialError::Unreadable { path: path.to_owned(), cause })
}

fn value(path: &Path) -> Result<MetadataValue<Ascii>, CredentialError> {
    let no_token = || CredentialError::NoToken(path.to_owned());
    let text = String::from_utf8(read(path)?).map_err(|_| no_token())?;
    let token = text.trim();
    let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse().map_err(|_| no_token())?;
    value.set_sensitive(true);
    if token.is_empty() { Err(no_token()) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_the_file_is_on_the_call() {
        let directory = std::env::temp_dir().join(format!("daybook-credentials-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&directory).unwrap();
        let path = directory.join("token");
        let credentials = Credentials { token_file: Some(path.clone()), ..Credentials::default() };
        assert!(matches!(credentials.bearer(), Err(CredentialError::Unreadable { .. })));
        fs::write(&path, " \n").unwrap();
        assert!(matches!(credentials.bearer(), Err(CredentialError::NoToken(_))));
        fs::write(&path, "secret\n").unwrap();
        let mut bearer = credentials.bearer().unwrap();
        let call = bearer.call(Request::new(())).unwrap();
        assert_eq!(call.metadata().get("authorization").unwrap(), "Bearer secret");
        assert!(!format!("{bearer:?} {call:?}").contains("secret"));
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn half_an_identity_is_a_mistake() {
        let half = Credentials { key_file: Some("key.pem".into()), ..Credentials::default() };
        assert!(matches!(half.tls(), Err(CredentialError::HalfIdentity)));
    }
}
