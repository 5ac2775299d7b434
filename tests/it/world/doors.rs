//! Certificates, an access file and tokens of one world.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use daybook::client::Credentials;
use daybook_chassis::{door::DoorConfig, tls::TlsFiles};
use jiff::civil::{Date, date};
use jsonwebtoken::{EncodingKey, Header, encode};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

/// Signs the tokens.
const SECRET: &[u8] = b"a secret that only this test knows, of course";

/// What callers and services of a world show each other.
#[derive(Clone, Debug)]
pub(crate) struct Doors(Arc<TempDir>);

impl Doors {
    pub(crate) fn new() -> Self {
        let doors = Self(Arc::new(tempfile::tempdir().expect("a directory can be made")));
        let root_key = KeyPair::generate().unwrap();
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(doors.path("ca.pem"), root.self_signed(&root_key).unwrap().pem()).unwrap();
        fs::write(doors.path("ca.key.pem"), root_key.serialize_pem()).unwrap();
        doors.certify("service");
        fs::write(doors.path("secret"), SECRET).unwrap();
        doors.write_access("");
        doors
    }

    /// Writes a certificate for this machine and its key, signed by the root.
    pub(crate) fn certify(&self, name: &str) {
        self.certify_until(name, date(4096, 1, 1));
    }

    /// Writes a certificate that ends with the beginning of a day.
    pub(crate) fn certify_until(&self, name: &str, end: Date) {
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_key = KeyPair::from_pem(&fs::read_to_string(self.path("ca.key.pem")).unwrap()).unwrap();
        let issuer = Issuer::new(root, root_key);
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        params.not_after = date_time_ymd(end.year().into(), end.month().unsigned_abs(), end.day().unsigned_abs());
        let certificate = params.signed_by(&key, &issuer).unwrap();
        fs::write(self.path(&format!("{name}.key.pem")), key.serialize_pem()).unwrap();
        fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
    }

    /// Writes the access file, with something more at its end.
    pub(crate) fn write_access(&self, more: &str) {
        let text = format!(
            "[tokens]\nissuers = [\"test\"]\naudience = \"daybook\"\n\n[[tokens.keys]]\nid = \"test\"\nalgorithm = \
             \"HS256\"\nfile = \"secret\"\n\n{more}"
        );
        fs::write(self.path("access.toml"), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let directory: &Path = self.0.path();
        directory.join(name)
    }

    /// How a service is reached.
    pub(crate) fn config(&self) -> DoorConfig {
        let tls =
            TlsFiles { certificate: self.path("service.pem"), key: self.path("service.key.pem"), client_roots: None };
        DoorConfig { tls: Some(tls), access_file: Some(self.path("access.toml")), ..DoorConfig::default() }
    }

    /// Those of somebody who may do everything.
    pub(crate) fn operator(&self) -> Credentials {
        self.caller("operator", daybook::access::SCOPES, json!({}))
    }

    /// Those of a service that follows the log.
    pub(crate) fn service(&self, name: &str) -> Credentials {
        self.caller(name, &["events:read"], json!({}))
    }

    /// Those of a caller with scopes and further claims.
    pub(crate) fn caller(&self, subject: &str, scopes: &[&str], more: Value) -> Credentials {
        let mut claims = json!({ "sub": subject, "iss": "test", "aud": "daybook", "exp": 4_000_000_000_u32,
            "scope": scopes.join(" ") });
        if let (Some(claims), Some(more)) = (claims.as_object_mut(), more.as_object()) {
            claims.extend(more.clone());
        }
        self.with_token(&signed(&claims, SECRET))
    }

    /// Those of a caller with any text as token.
    pub(crate) fn with_token(&self, token: &str) -> Credentials {
        let path = self.path(&format!("token-{}", Uuid::new_v4()));
        fs::write(&path, token).unwrap();
        Credentials { token_file: Some(path), ..self.nobody() }
    }

    /// Those of a caller without a token.
    pub(crate) fn nobody(&self) -> Credentials {
        Credentials { ca_file: Some(self.path("ca.pem")), ..Credentials::default() }
    }
}

/// A token with these claims.
pub(crate) fn signed(claims: &Value, secret: &[u8]) -> String {
    let header = Header { kid: Some("test".to_owned()), ..Header::default() };
    encode(&header, claims, &EncodingKey::from_secret(secret)).unwrap()
}
