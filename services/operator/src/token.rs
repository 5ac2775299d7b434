//! Tokens and keys for callers: made here, believed by the services through their access file.

use std::{
    fs::{self, OpenOptions},
    io::{Read as _, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use daybook::access::{SCOPES, STORES, SUPPLIERS};
use daybook_chassis::access::static_key;
use jiff::{Span, Timestamp, Zoned, tz::TimeZone};
use jsonwebtoken::{Algorithm, EncodingKey, Header, dangerous::insecure_decode, decode_header, encode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::error::Error;

/// Longest token that is read.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;

/// What to do with tokens and keys.
#[derive(Clone, Debug, Subcommand)]
pub enum TokenCommand {
    /// Signs a token (JWT) with a key of one's own, for local use and for systems without an identity provider
    Issue(IssueOptions),
    /// Shows what a token says; whether it is believed is for the services to say
    Inspect {
        /// The token, or `-` for the standard input
        token: String,
    },
    /// Makes a static key, and the entry of the access file that makes it known
    Key(KeyOptions),
}

/// What the caller may do.
#[derive(Clone, Debug, Args)]
pub struct Rights {
    /// What the caller may do; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = clap::builder::PossibleValuesParser::new(SCOPES.iter().copied()))]
    pub scopes: Vec<String>,
    /// Binds the caller to a store; may be given several times
    #[arg(long = "store", value_name = "ID")]
    pub stores: Vec<String>,
    /// Binds the caller to a supplier; may be given several times
    #[arg(long = "supplier", value_name = "ID")]
    pub suppliers: Vec<String>,
    /// How long it is good, such as 12h, 30d or 1y
    #[arg(long, value_name = "SPAN", default_value = "30d")]
    pub expires_in: Span,
    /// Writes it to a file that only its owner can read, instead of the standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct IssueOptions {
    /// The private key, PEM; for HS256 the secret itself
    #[arg(long, value_name = "FILE")]
    pub key_file: PathBuf,
    /// Id of the key, as the services know it
    #[arg(long, value_name = "ID")]
    pub key_id: String,
    #[arg(long, value_enum, default_value = "eddsa")]
    pub algorithm: Signing,
    #[arg(long, value_name = "NAME")]
    pub issuer: String,
    #[arg(long, value_name = "NAME", default_value = "daybook")]
    pub audience: String,
    /// Who the caller is, for example pos-443
    #[arg(long, value_name = "NAME")]
    pub subject: String,
    #[command(flatten)]
    pub rights: Rights,
}

#[derive(Clone, Debug, Args)]
pub struct KeyOptions {
    /// Name of the key and of its caller: letters, digits and `-`
    #[arg(long, value_name = "ID")]
    pub id: String,
    #[command(flatten)]
    pub rights: Rights,
}

/// How tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Signing {
    Hs256,
    Rs256,
    Es256,
    Eddsa,
}

/// Does it.
///
/// # Errors
/// If a file cannot be read or written, or what was given cannot be right.
pub(crate) fn token(command: &TokenCommand, out: &mut impl Write) -> Result<(), Error> {
    match command {
        TokenCommand::Issue(options) => hand_over(&issue(options)?, options.rights.out.as_deref(), out),
        TokenCommand::Inspect { token } => inspect(token, out),
        TokenCommand::Key(options) => key(options, out),
    }
}

fn issue(options: &IssueOptions) -> Result<String, Error> {
    let path = &options.key_file;
    let key = fs::read(path).map_err(|cause| Error::io(format!("cannot read {}", path.display()), cause))?;
    let (algorithm, key) = match options.algorithm {
        Signing::Hs256 => (Algorithm::HS256, Ok(EncodingKey::from_secret(key.trim_ascii()))),
        Signing::Rs256 => (Algorithm::RS256, EncodingKey::from_rsa_pem(&key)),
        Signing::Es256 => (Algorithm::ES256, EncodingKey::from_ec_pem(&key)),
        Signing::Eddsa => (Algorithm::EdDSA, EncodingKey::from_ed_pem(&key)),
    };
    let unusable = |_| Error::Usage(format!("{} is no private key for {algorithm:?}", path.display()));
    let now = Timestamp::now();
    let expires_at = end(&options.rights)?;
    let mut claims = json!({
        "iss": options.issuer, "aud": options.audience, "sub": options.subject, "jti": Uuid::now_v7().to_string(),
        "iat": now.as_second(), "nbf": now.as_second(), "exp": expires_at.as_second(),
        "scope": options.rights.scopes.join(" "),
    });
    for (kind, ids) in [(STORES, &options.rights.stores), (SUPPLIERS, &options.rights.suppliers)] {
        if !ids.is_empty() {
            claims[kind] = json!(ids);
        }
    }
    let header = Header { kid: Some(options.key_id.clone()), ..Header::new(algorithm) };
    key.and_then(|key| encode(&header, &claims, &key)).map_err(unusable)
}

fn key(options: &KeyOptions, out: &mut impl Write) -> Result<(), Error> {
    let expires_at = end(&options.rights)?;
    let mut secret = [0; 32];
    secret[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    secret[16..].copy_from_slice(Uuid::new_v4().as_bytes());
    let key = static_key::make(&options.id, &secret).map_err(|error| Error::Usage(error.to_string()))?;
    hand_over(&key, options.rights.out.as_deref(), out)?;
    let list = |ids: &[String]| format!("{ids:?}");
    let mut entry = format!(
        "\n# For the access file of the services:\n[[keys]]\nid = {:?}\nsha256 = \"{}\"\nscopes = {}\nexpires_at = \
         \"{expires_at}\"\n",
        options.id,
        static_key::hash(&key),
        list(&options.rights.scopes),
    );
    for (kind, ids) in [(STORES, &options.rights.stores), (SUPPLIERS, &options.rights.suppliers)] {
        if !ids.is_empty() {
            entry.push_str(&format!("{kind} = {}\n", list(ids)));
        }
    }
    out.write_all(entry.as_bytes()).map_err(Error::output)
}

fn inspect(token: &str, out: &mut impl Write) -> Result<(), Error> {
    let mut text = String::new();
    if token == "-" {
        let input = std::io::stdin().take(MAX_TOKEN_BYTES).read_to_string(&mut text);
        input.map_err(|cause| Error::io("cannot read the standard input", cause))?;
    } else {
        text.push_str(token);
    }
    let no_token = |_| Error::Usage("this is not a token (JWT)".to_owned());
    let header = decode_header(text.trim()).map_err(no_token)?;
    let mut claims = insecure_decode::<Map<String, Value>>(text.trim()).map_err(no_token)?.claims;
    for name in ["iat", "nbf", "exp"] {
        if let Some(time) =
            claims.get(name).and_then(Value::as_i64).and_then(|second| Timestamp::from_second(second).ok())
        {
            claims.insert(format!("{name}_time"), json!(time.to_string()));
        }
    }
    let is_expired = claims.get("exp").and_then(Value::as_i64).is_none_or(|end| end < Timestamp::now().as_second());
    let shown = json!({ "header": header, "claims": claims, "is_expired": is_expired, "signature": "not checked" });
    let text = serde_json::to_string_pretty(&shown).map_err(|error| Error::Unexpected(error.to_string()))?;
    writeln!(out, "{text}").map_err(Error::output)
}

fn end(rights: &Rights) -> Result<Timestamp, Error> {
    let now = Zoned::now().with_time_zone(TimeZone::UTC);
    let end = now.checked_add(rights.expires_in).map_err(|_| Error::Usage("--expires-in is too long".to_owned()))?;
    if end > now { Ok(end.timestamp()) } else { Err(Error::Usage("--expires-in must be more than nothing".to_owned())) }
}

/// A secret goes to its file, or else to the standard output.
fn hand_over(secret: &str, file: Option<&Path>, out: &mut impl Write) -> Result<(), Error> {
    let Some(path) = file else { return writeln!(out, "{secret}").map_err(Error::output) };
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| writeln!(file, "{secret}"));
    written.map_err(|cause| Error::io(format!("cannot write {}", path.display()), cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights() -> Rights {
        Rights {
            scopes: vec!["sales:write".to_owned()],
            stores: vec!["443".to_owned()],
            suppliers: Vec::new(),
            expires_in: "12h".parse().unwrap(),
            out: None,
        }
    }

    #[test]
    fn an_issued_token_says_what_was_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let key_file = directory.path().join("secret");
        fs::write(&key_file, "a secret of thirty-two bytes or more\n").unwrap();
        let options = IssueOptions {
            key_file,
            key_id: "local".to_owned(),
            algorithm: Signing::Hs256,
            issuer: "here".to_owned(),
            audience: "daybook".to_owned(),
            subject: "pos-443".to_owned(),
            rights: rights(),
        };
        let token = issue(&options).unwrap();
        let mut shown = Vec::new();
        inspect(&token, &mut shown).unwrap();
        let shown: Value = serde_json::from_slice(&shown).unwrap();
        let claims = &shown["claims"];
        assert_eq!(
            (&claims["sub"], &claims["scope"], &claims["stores"]),
            (&json!("pos-443"), &json!("sales:write"), &json!(["443"]))
        );
        assert_eq!((&shown["header"]["kid"], &shown["is_expired"]), (&json!("local"), &json!(false)));
        assert!(claims.get("suppliers").is_none());
        assert!(inspect("nothing", &mut Vec::new()).is_err());
    }

    #[test]
    fn a_key_goes_to_its_file_and_its_hash_to_the_entry() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let rights = Rights { out: Some(path.clone()), ..rights() };
        let mut out = Vec::new();
        key(&KeyOptions { id: "report-job".to_owned(), rights }, &mut out).unwrap();
        let key = fs::read_to_string(&path).unwrap();
        let entry = String::from_utf8(out).unwrap();
        assert!(key.starts_with("daybook_report-job_") && !entry.contains(key.trim()), "{entry}");
        assert!(entry.contains(&static_key::hash(key.trim())) && entry.contains("stores = [\"443\"]"), "{entry}");
    }

    #[test]
    fn a_span_without_length_is_refused() {
        assert!(end(&Rights { expires_in: "0s".parse().unwrap(), ..rights() }).is_err());
        assert!(end(&Rights { expires_in: "9999y".parse().unwrap(), ..rights() }).is_err());
    }
}
