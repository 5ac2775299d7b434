//! Tokens (JWT) of the issuers that are believed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{DecodingKey, Validation, decode, decode_header, errors::ErrorKind, jwk::JwkSet};
use moka::sync::Cache;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tracing::debug;

use super::{
    Policy,
    caller::{Caller, Identity},
    file::{Algorithm, TokenSettings},
    refuse::Denial,
};
use crate::{BoxError, reload::Contents};

/// Tokens whose signature was found right, so that it is not checked again at each sale: of 10,000 registers, about 1 kB each.
const REMEMBERED: u64 = 10_000;

/// Longest leeway that makes sense between two clocks.
const MAX_LEEWAY_SECONDS: u64 = 300;

/// Shortest secret for HS256: as long as its hash (RFC 7518, 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// Verifies tokens.
pub(super) struct Tokens {
    keys: HashMap<String, Key>,
    leeway: u64,
    kinds: &'static [&'static str],
    remembered: Cache<[u8; 32], Verified>,
}

struct Key {
    key: DecodingKey,
    /// What a token of this key must say, the algorithm above all.
    validation: Validation,
}

#[derive(Clone)]
struct Verified {
    caller: Caller,
    expires_at: u64,
}

/// What a token says.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    /// As RFC 8693 has it: names separated by blanks.
    scope: Option<String>,
    #[serde(flatten)]
    others: HashMap<String, Value>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("keys", &self.keys.keys()).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Takes the keys out of the files.
    ///
    /// # Errors
    /// If a key cannot be used.
    pub(super) fn new(settings: &TokenSettings, policy: &Policy, contents: &Contents) -> Result<Self, BoxError> {
        if settings.issuers.is_empty() || settings.audience.is_empty() {
            return Err("[tokens] must name the issuers and the audience".into());
        }
        if settings.leeway_seconds > MAX_LEEWAY_SECONDS {
            return Err(format!("tokens.leeway_seconds must not be above {MAX_LEEWAY_SECONDS}").into());
        }
        let validation = |algorithm| {
            let mut validation = Validation::new(algorithm);
            validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
            validation.set_issuer(&settings.issuers);
            validation.set_audience(&[&settings.audience]);
            validation.leeway = settings.leeway_seconds;
            validation.validate_nbf = true;
            validation
        };
        let mut keys = HashMap::new();
        let mut add = |id: String, key: DecodingKey, algorithm| {
            let known = keys.insert(id.clone(), Key { key, validation: validation(algorithm) });
            if known.is_none() { Ok(()) } else { Err(format!("the token key {id:?} is there twice")) }
        };
        for entry in &settings.keys {
            let bytes = contents.bytes(&entry.file)?;
            let wrong = |error| format!("{} is no key for {:?}: {error}", entry.file.display(), entry.algorithm);
            let key = match entry.algorithm {
                Algorithm::HS256 => {
                    let secret = bytes.trim_ascii();
                    if secret.len() < MIN_SECRET_BYTES {
                        return Err(
                            format!("{} must have {MIN_SECRET_BYTES} bytes or more", entry.file.display()).into()
                        );
                    }
                    DecodingKey::from_secret(secret)
                }
                Algorithm::RS256 => DecodingKey::from_rsa_pem(bytes).map_err(wrong)?,
                Algorithm::ES256 => DecodingKey::from_ec_pem(bytes).map_err(wrong)?,
                Algorithm::EdDsa => DecodingKey::from_ed_pem(bytes).map_err(wrong)?,
            };
            add(entry.id.clone(), key, of(entry.algorithm))?;
        }
        if let Some(path) = &settings.jwks_file {
            let set: JwkSet = serde_json::from_slice(contents.bytes(path)?)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            for jwk in &set.keys {
                let wrong = |what: &str| format!("{}: a key {what}", path.display());
                let id = jwk.common.key_id.clone().ok_or_else(|| wrong("has no kid"))?;
                let algorithm = jwk.common.key_algorithm.ok_or_else(|| wrong("names no alg"))?;
                let algorithm =
                    jsonwebtoken::Algorithm::try_from(algorithm).map_err(|_| wrong("is not for signatures"))?;
                if !ALGORITHMS.contains(&algorithm) {
                    return Err(wrong("is for an algorithm other than HS256, RS256, ES256, EdDSA").into());
                }
                add(id, DecodingKey::from_jwk(jwk).map_err(|error| wrong(&error.to_string()))?, algorithm)?;
            }
        }
        if keys.is_empty() {
            return Err("[tokens] must have a key or a jwks_file with one".into());
        }
        let remembered = Cache::new(REMEMBERED);
        Ok(Self { keys, leeway: settings.leeway_seconds, kinds: policy.kinds, remembered })
    }

    /// The caller that a token names.
    pub(super) fn verify(&self, token: &str) -> Result<Caller, Denial> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(known) = self.remembered.get(&digest) {
            // It was valid once and so has begun; it may have ended since.
            return if known.expires_at.saturating_add(self.leeway) >= now() {
                Ok(known.caller)
            } else {
                Err(Denial::Expired)
            };
        }
        let header = decode_header(token).map_err(|error| denied(&error))?;
        let id = header.kid.ok_or(Denial::BadToken)?;
        let key = self.keys.get(&id).ok_or(Denial::BadToken)?;
        let claims = decode::<Claims>(token, &key.key, &key.validation).map_err(|error| denied(&error))?.claims;
        let bound = self.bound(&claims.others)?;
        let identity = Identity {
            subject: claims.sub,
            key_id: id,
            scopes: claims.scope.unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
            bound,
            is_anybody: false,
        };
        let caller = Caller::new(identity);
        self.remembered.insert(digest, Verified { caller: caller.clone(), expires_at: claims.exp });
        Ok(caller)
    }

    /// What the token is bound to. A claim that cannot be read must not set free.
    fn bound(&self, claims: &HashMap<String, Value>) -> Result<BTreeMap<String, BTreeSet<String>>, Denial> {
        let mut bound = BTreeMap::new();
        for kind in self.kinds {
            if let Some(value) = claims.get(*kind) {
                let ids = BTreeSet::deserialize(value).map_err(|_| Denial::BadToken)?;
                bound.insert((*kind).to_owned(), ids);
            }
        }
        Ok(bound)
    }
}

const ALGORITHMS: [jsonwebtoken::Algorithm; 4] = [
    jsonwebtoken::Algorithm::HS256,
    jsonwebtoken::Algorithm::RS256,
    jsonwebtoken::Algorithm::ES256,
    jsonwebtoken::Algorithm::EdDSA,
];

fn of(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::HS256 => jsonwebtoken::Algorithm::HS256,
        Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
    }
}

fn denied(error: &jsonwebtoken::errors::Error) -> Denial {
    debug!(%error, "a token is refused");
    if matches!(error.kind(), ErrorKind::ExpiredSignature) { Denial::Expired } else { Denial::BadToken }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(u64::MAX, |since| since.as_secs())
}
