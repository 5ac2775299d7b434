//! What guards an instance: TLS, an access file, and tokens of those who may call.

use std::{fs, path::PathBuf, sync::Arc};

use daybook::{access::SCOPES, client::Credentials};
use daybook_chassis::BoxError;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ED25519};
use serde_json::json;
use tempfile::TempDir;

/// Far from now.
const EXPIRES_AT: u32 = 4_000_000_000;

const ACCESS_FILE: &str = "[tokens]
issuers = [\"bench\"]
audience = \"daybook\"

[[tokens.keys]]
id = \"bench\"
algorithm = \"EdDSA\"
file = \"tokens.pem\"
";

/// The files of a door; they are gone with it.
#[derive(Clone, Debug)]
pub(crate) struct Doors {
    directory: Arc<TempDir>,
    key: Arc<KeyPair>,
}

impl Doors {
    /// Makes everything, and the token of somebody who may do all.
    pub(crate) fn make() -> Result<Self, BoxError> {
        let doors =
            Self { directory: Arc::new(tempfile::tempdir()?), key: Arc::new(KeyPair::generate_for(&PKCS_ED25519)?) };
        let root_key = KeyPair::generate()?;
        let mut root = CertificateParams::new(Vec::new())?;
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(doors.path("ca.pem"), root.self_signed(&root_key)?.pem())?;
        let service_key = KeyPair::generate()?;
        let service = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        fs::write(doors.path("service.pem"), service.signed_by(&service_key, &Issuer::new(root, root_key))?.pem())?;
        fs::write(doors.path("service.key.pem"), service_key.serialize_pem())?;
        fs::write(doors.path("tokens.pem"), doors.key.public_key_pem())?;
        fs::write(doors.path("access.toml"), ACCESS_FILE)?;
        fs::write(doors.path("token"), doors.token("bench")?)?;
        Ok(doors)
    }

    /// A token with all scopes.
    pub(crate) fn token(&self, subject: &str) -> Result<String, BoxError> {
        let header = Header { kid: Some("bench".to_owned()), ..Header::new(Algorithm::EdDSA) };
        let claims =
            json!({ "sub": subject, "iss": "bench", "aud": "daybook", "exp": EXPIRES_AT, "scope": SCOPES.join(" ") });
        Ok(encode(&header, &claims, &EncodingKey::from_ed_pem(self.key.serialize_pem().as_bytes())?)?)
    }

    /// What callers show who may do all.
    pub(crate) fn credentials(&self) -> Credentials {
        Credentials { token_file: Some(self.path("token")), ..self.nobody() }
    }

    /// What somebody shows who has no token.
    pub(crate) fn nobody(&self) -> Credentials {
        Credentials { ca_file: Some(self.path("ca.pem")), ..Credentials::default() }
    }

    /// The variables of the services.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let file = |name| self.path(name).display().to_string();
        vec![
            ("DAYBOOK_TLS_CERT_FILE", file("service.pem")),
            ("DAYBOOK_TLS_KEY_FILE", file("service.key.pem")),
            ("DAYBOOK_ACCESS_FILE", file("access.toml")),
            ("DAYBOOK_CA_FILE", file("ca.pem")),
            ("DAYBOOK_TOKEN_FILE", file("token")),
        ]
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}
