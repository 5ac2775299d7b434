//! Static keys: `daybook_<id>_<64 hexadecimal digits>`, known by their hash.

use std::collections::HashMap;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{
    Policy,
    caller::{Caller, Identity},
    file::KeyEntry,
    refuse::Denial,
};
use crate::BoxError;

/// How a static key begins: secret scanners find it by this.
const PREFIX: &str = "daybook_";

/// Longest id of a key.
const MAX_ID_LEN: usize = 64;

/// The keys that are known.
#[derive(Debug, Default)]
pub(super) struct StaticKeys {
    by_id: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    hash: [u8; 32],
    expires_at: Timestamp,
    caller: Caller,
}

/// True if a token has the form of a static key.
pub(super) fn is_one(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// A key, given 32 random bytes.
///
/// # Errors
/// If the id has other characters than letters, digits and `-`.
pub fn make(id: &str, secret: &[u8; 32]) -> Result<String, BoxError> {
    check_id(id)?;
    let digits: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{PREFIX}{id}_{digits}"))
}

/// The hash of a key, as it stands in the access file.
#[must_use]
pub fn hash(key: &str) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl StaticKeys {
    pub(super) fn new(entries: &[KeyEntry], policy: &Policy) -> Result<Self, BoxError> {
        let mut by_id = HashMap::new();
        for entry in entries {
            let id = &entry.id;
            check_id(id)?;
            if let Some(unknown) = entry.scopes.iter().find(|scope| !policy.scopes.contains(&scope.as_str())) {
                return Err(format!(
                    "the key {id} has the unknown scope {unknown:?}; there are {}",
                    policy.scopes.join(", ")
                )
                .into());
            }
            if let Some(unknown) = entry.bound.keys().find(|kind| !policy.kinds.contains(&kind.as_str())) {
                return Err(format!("the key {id} has the unknown setting {unknown:?}").into());
            }
            let hash = parse_hash(&entry.sha256)
                .ok_or_else(|| format!("sha256 of the key {id} must be 64 hexadecimal digits"))?;
            let identity = Identity {
                subject: id.clone(),
                key_id: id.clone(),
                scopes: entry.scopes.clone(),
                bound: entry.bound.clone(),
                is_anybody: false,
            };
            let entry = Entry { hash, expires_at: entry.expires_at, caller: Caller::new(identity) };
            if by_id.insert(id.clone(), entry).is_some() {
                return Err(format!("the key {id} is there twice").into());
            }
        }
        Ok(Self { by_id })
    }

    pub(super) fn recognize(&self, key: &str) -> Result<Caller, Denial> {
        let id = key.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).map(|(id, _)| id);
        let entry = id.and_then(|id| self.by_id.get(id)).ok_or(Denial::BadToken)?;
        let hash: [u8; 32] = Sha256::digest(key).into();
        if !bool::from(hash.ct_eq(&entry.hash)) {
            return Err(Denial::BadToken);
        }
        if entry.expires_at <= Timestamp::now() {
            return Err(Denial::Expired);
        }
        Ok(entry.caller.clone())
    }
}

fn check_id(id: &str) -> Result<(), BoxError> {
    let is_name = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_name && id.len() <= MAX_ID_LEN {
        return Ok(());
    }
    Err(format!("the id of a key must be 1 to {MAX_ID_LEN} letters, digits or `-`, not {id:?}").into())
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(hash)
}
