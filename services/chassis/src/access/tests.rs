use std::{
    fs,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{
    EncodingKey, Header, encode,
    jwk::{Jwk, KeyAlgorithm},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

const SECRET: &[u8] = b"a secret of thirty-two bytes or more";

/// Made for these tests and used nowhere else: an RSA key takes long to make.
const RSA: &[u8] = include_bytes!("testdata/rsa.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("testdata/rsa.pub.pem");

/// An access file in a directory of its own, with the keys that it names.
struct Given {
    directory: TempDir,
    ec: rcgen::KeyPair,
    ed: rcgen::KeyPair,
}

impl Given {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ec = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let ed = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let given = Self { directory, ec, ed };
        fs::write(given.path("secret"), SECRET).unwrap();
        fs::write(given.path("ec.pem"), given.ec.public_key_pem()).unwrap();
        fs::write(given.path("ed.pem"), given.ed.public_key_pem()).unwrap();
        fs::write(given.path("rsa.pem"), RSA_PUBLIC).unwrap();
        given.write("");
        given
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, more: &str) {
        let keys = [
            ("shared", "HS256", "secret"),
            ("rsa", "RS256", "rsa.pem"),
            ("ec", "ES256", "ec.pem"),
            ("ed", "EdDSA", "ed.pem"),
        ];
        let keys: String = keys
            .map(|(id, algorithm, file)| {
                format!("[[tokens.keys]]\nid = \"{id}\"\nalgorithm = \"{algorithm}\"\nfile = \"{file}\"\n")
            })
            .concat();
        let text = format!("[tokens]\nissuers = [\"id\"]\naudience = \"daybook\"\nleeway_seconds = 60\n{keys}{more}");
        fs::write(self.path("access.toml"), text).unwrap();
    }

    fn open(&self) -> Result<Access, BoxError> {
        let policy =
            Policy { methods: HashMap::new(), scopes: &["sales:write"], whole: &[], kinds: &["stores", "suppliers"] };
        Access::open(&self.path("access.toml"), policy)
    }

    fn signed(&self, id: &str, claims: &Value) -> String {
        let (algorithm, key) = match id {
            "ec" => {
                (jsonwebtoken::Algorithm::ES256, EncodingKey::from_ec_pem(self.ec.serialize_pem().as_bytes()).unwrap())
            }
            "ed" => {
                (jsonwebtoken::Algorithm::EdDSA, EncodingKey::from_ed_pem(self.ed.serialize_pem().as_bytes()).unwrap())
            }
            "rsa" => (jsonwebtoken::Algorithm::RS256, EncodingKey::from_rsa_pem(RSA).unwrap()),
            _ => (jsonwebtoken::Algorithm::HS256, EncodingKey::from_secret(SECRET)),
        };
        let header = Header { kid: Some(id.to_owned()), ..Header::new(algorithm) };
        encode(&header, claims, &key).unwrap()
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn claims() -> Value {
    json!({ "sub": "pos-443", "iss": "id", "aud": "daybook", "exp": now() + 60, "scope": "sales:write reports:read",
        "stores": ["443"] })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn recognize(access: &Access, token: &str) -> Result<Caller, Denial> {
    access.recognize(Some(format!("Bearer {token}").as_bytes()))
}

#[test]
fn a_token_of_each_algorithm_names_its_caller() {
    let given = Given::new();
    let access = given.open().unwrap();
    for id in ["shared", "rsa", "ec", "ed"] {
        let token = given.signed(id, &claims());
        // The second time it is remembered.
        for _ in 0..2 {
            let caller = recognize(&access, &token).unwrap();
            let identity = caller.identity();
            assert_eq!((identity.subject.as_str(), identity.key_id.as_str()), ("pos-443", id));
            assert_eq!(identity.scopes, ["sales:write", "reports:read"]);
            assert!(caller.speaks_for(&[("stores", "443")]).is_ok() && caller.speaks_for(&[("stores", "1")]).is_err());
        }
    }
}

#[test]
fn what_is_wrong_with_a_token_is_refused() {
    let given = Given::new();
    let access = given.open().unwrap();
    let wrong = [
        ("issuer", with("iss", json!("other"))),
        ("audience", with("aud", json!("other"))),
        ("not yet", with("nbf", json!(now() + 600))),
        ("no end", with("exp", Value::Null)),
        ("no subject", with("sub", Value::Null)),
        ("an unreadable bond", with("stores", json!("443"))),
        ("a bond to null", with("suppliers", Value::Null)),
    ];
    for (what, claims) in wrong {
        assert_eq!(recognize(&access, &given.signed("ec", &claims)), Err(Denial::BadToken), "{what}");
    }
    let late = given.signed("ec", &with("exp", json!(now() - 61)));
    assert_eq!(recognize(&access, &late), Err(Denial::Expired));
    let within_leeway = given.signed("ec", &with("exp", json!(now() - 30)));
    assert!(recognize(&access, &within_leeway).is_ok());
}

#[test]
fn forged_tokens_are_refused() {
    let given = Given::new();
    let access = given.open().unwrap();
    let token = given.signed("ec", &claims());
    let (head, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let other = given.signed("ec", &with("sub", json!("somebody else")));
    let (_, body) = other.rsplit_once('.').unwrap().0.split_once('.').unwrap();
    assert_eq!(recognize(&access, &format!("{header}.{body}.{signature}")), Err(Denial::BadToken));
    assert_eq!(recognize(&access, &format!("{head}.")), Err(Denial::BadToken));

    // A public key is no secret: signing with it as one must not do.
    for (id, public) in [("ec", given.ec.public_key_pem().as_bytes()), ("rsa", RSA_PUBLIC)] {
        let confused = Header { kid: Some(id.to_owned()), ..Header::new(jsonwebtoken::Algorithm::HS256) };
        let public = EncodingKey::from_secret(public);
        assert_eq!(recognize(&access, &encode(&confused, &claims(), &public).unwrap()), Err(Denial::BadToken));
    }

    // {"alg":"none","kid":"shared"}
    let none = format!("eyJhbGciOiJub25lIiwia2lkIjoic2hhcmVkIn0.{body}.");
    assert_eq!(recognize(&access, &none), Err(Denial::BadToken));

    let stranger = Header { kid: Some("unknown".to_owned()), ..Header::default() };
    let token = encode(&stranger, &claims(), &EncodingKey::from_secret(SECRET)).unwrap();
    assert_eq!(recognize(&access, &token), Err(Denial::BadToken));
    let nameless = encode(&Header::default(), &claims(), &EncodingKey::from_secret(SECRET)).unwrap();
    assert_eq!(recognize(&access, &nameless), Err(Denial::BadToken));
}

#[test]
fn what_is_no_token_at_all_is_refused() {
    let given = Given::new();
    let access = given.open().unwrap();
    assert_eq!(access.recognize(None), Err(Denial::NoToken));
    assert_eq!(access.recognize(Some(b"Basic YTpi")), Err(Denial::NoToken));
    for bad in [&b"Bearer "[..], b"Bearer a.b.c", b"Bearer \xff", b"Bearer daybook_", &[b'B'; 20_000]] {
        assert!(access.recognize(Some(bad)).is_err(), "{bad:?}");
    }
}

#[test]
fn a_static_key_is_known_by_its_hash_until_it_ends() {
    let given = Given::new();
    let key = static_key::make("report-job", &[7; 32]).unwrap();
    let entry = |expires: &str, scope: &str, kind: &str| {
        let hash = static_key::hash(&key);
        format!(
            "[[keys]]\nid = \"report-job\"\nsha256 = \"{hash}\"\nscopes = [\"{scope}\"]\nexpires_at = \"{expires}\"\n\
             {kind} = [\"443\"]\n"
        )
    };
    given.write(&entry("2100-01-01T00:00:00Z", "sales:write", "stores"));
    let access = given.open().unwrap();
    let caller = recognize(&access, &key).unwrap();
    assert_eq!(caller.identity().subject, "report-job");
    assert!(caller.speaks_for(&[("stores", "1")]).is_err());
    assert_eq!(recognize(&access, &static_key::make("report-job", &[8; 32]).unwrap()), Err(Denial::BadToken));
    assert_eq!(recognize(&access, &static_key::make("other", &[7; 32]).unwrap()), Err(Denial::BadToken));

    given.write(&entry("2020-01-01T00:00:00Z", "sales:write", "stores"));
    access.refresh();
    assert_eq!(recognize(&access, &key), Err(Denial::Expired));

    for (scope, kind) in [("sales:wirte", "stores"), ("sales:write", "shops")] {
        given.write(&entry("2100-01-01T00:00:00Z", scope, kind));
        let mistake = given.open().unwrap_err().to_string();
        assert!(mistake.contains("report-job") && mistake.contains("unknown"), "{mistake}");
    }
}

#[test]
fn a_changed_file_counts_and_a_broken_one_does_not() {
    let given = Given::new();
    let access = given.open().unwrap();
    let token = given.signed("shared", &claims());
    assert!(recognize(&access, &token).is_ok());
    fs::write(given.path("access.toml"), "[tokens").unwrap();
    access.refresh();
    assert!(recognize(&access, &token).is_ok());

    // The secret is exchanged: what was signed with the one before is refused, also if it was remembered.
    given.write("");
    fs::write(given.path("secret"), b"another secret of thirty-two bytes or more").unwrap();
    access.refresh();
    assert_eq!(recognize(&access, &token), Err(Denial::BadToken));
}

#[test]
fn keys_come_from_a_key_set_too() {
    let given = Given::new();
    let own = EncodingKey::from_ec_pem(given.ec.serialize_pem().as_bytes()).unwrap();
    let mut jwk = Jwk::from_encoding_key(&own, jsonwebtoken::Algorithm::ES256).unwrap();
    jwk.common.key_id = Some("set".to_owned());
    jwk.common.key_algorithm = Some(KeyAlgorithm::ES256);
    let write = |jwk: &Jwk| fs::write(given.path("jwks.json"), json!({ "keys": [jwk] }).to_string()).unwrap();
    write(&jwk);
    let file = fs::read_to_string(given.path("access.toml")).unwrap();
    fs::write(given.path("access.toml"), file.replacen("[tokens]", "[tokens]\njwks_file = \"jwks.json\"", 1)).unwrap();
    let access = given.open().unwrap();
    let header = Header { kid: Some("set".to_owned()), ..Header::new(jsonwebtoken::Algorithm::ES256) };
    let token = encode(&header, &claims(), &own).unwrap();
    assert_eq!(recognize(&access, &token).unwrap().identity().key_id, "set");
    let stranger = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let stranger = EncodingKey::from_ec_pem(stranger.serialize_pem().as_bytes()).unwrap();
    assert_eq!(recognize(&access, &encode(&header, &claims(), &stranger).unwrap()), Err(Denial::BadToken));

    jwk.common.key_algorithm = None;
    write(&jwk);
    assert!(given.open().unwrap_err().to_string().contains("names no alg"));
}

#[test]
fn a_short_secret_is_refused() {
    let given = Given::new();
    fs::write(given.path("secret"), "short").unwrap();
    assert!(given.open().unwrap_err().to_string().contains("32 bytes"));
}
