//! The access file: whose tokens are believed, which static keys there are, how often callers may call. TOML; names of other
//! files are relative to it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::Deserialize;

use crate::{BoxError, reload::Contents};

/// Largest file that is read.
const MAX_BYTES: usize = 1024 * 1024;

/// All of the file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessFile {
    pub tokens: Option<TokenSettings>,
    #[serde(default)]
    pub keys: Vec<KeyEntry>,
    #[serde(default)]
    pub limits: Limits,
}

/// Whose tokens (JWT) are believed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSettings {
    /// `iss` must be one of these.
    pub issuers: Vec<String>,
    /// `aud` must contain this.
    pub audience: String,
    /// How far the clocks of issuer and service may differ, in seconds, for `exp` and `nbf`.
    #[serde(default = "default_leeway")]
    pub leeway_seconds: u64,
    #[serde(default)]
    pub keys: Vec<IssuerKey>,
    /// A file with further keys, as a JSON Web Key Set; each must name its `kid` and `alg`.
    pub jwks_file: Option<PathBuf>,
}

/// A key of an issuer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerKey {
    /// `kid` of the token's header.
    pub id: String,
    /// The one algorithm for which the key is used.
    pub algorithm: Algorithm,
    /// A public key in PEM; the secret itself for HS256.
    pub file: PathBuf,
}

/// Algorithms of signatures.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum Algorithm {
    HS256,
    RS256,
    ES256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// A static key; only its hash is kept.
#[derive(Clone, Debug, Deserialize)]
pub struct KeyEntry {
    /// Part of the key, and the caller's name: letters, digits and `-`.
    pub id: String,
    /// SHA-256 of the whole key, in hexadecimal digits.
    pub sha256: String,
    pub scopes: Vec<String>,
    pub expires_at: Timestamp,
    /// What the key is bound to, by kind.
    #[serde(flatten)]
    pub bound: BTreeMap<String, BTreeSet<String>>,
}

/// How often callers may call.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Of each caller that has no limit of its own.
    #[serde(default)]
    pub default: Limit,
    /// By the caller's name.
    #[serde(default)]
    pub callers: HashMap<String, Limit>,
}

/// Calls, and messages of streams, of one caller. What is not set is not limited.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    pub per_second: Option<NonZeroU32>,
    /// How many may come at once; as many as in a second where it is not set.
    pub burst: Option<NonZeroU32>,
    /// A quota: so many in 24 hours.
    pub per_day: Option<NonZeroU32>,
}

fn default_leeway() -> u64 {
    30
}

impl AccessFile {
    /// Reads the file and those that it names.
    ///
    /// # Errors
    /// If one cannot be read, or the file says something wrong.
    pub fn read(path: &Path) -> Result<(Self, Contents), BoxError> {
        let own = Contents::now(&[path.to_owned()]);
        let text = own.text(path, MAX_BYTES)?;
        let mut file: Self = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let beside = |name: &Path| path.parent().unwrap_or_else(|| Path::new("")).join(name);
        let mut paths = vec![path.to_owned()];
        if let Some(tokens) = &mut file.tokens {
            for key in &mut tokens.keys {
                key.file = beside(&key.file);
                paths.push(key.file.clone());
            }
            if let Some(jwks) = &mut tokens.jwks_file {
                *jwks = beside(jwks);
                paths.push(jwks.clone());
            }
        }
        Ok((file, Contents::now(&paths)))
    }
}
