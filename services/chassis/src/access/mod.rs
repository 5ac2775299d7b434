//! Who calls, and whether he may.
//!
//! - [`caller`]: a caller as it was verified, and the objects for which it may speak;
//! - [`file`](mod@file): the access file: keys of token issuers, static keys, limits;
//! - [`jwt`], [`static_key`]: the two ways to be known;
//! - [`rates`]: how often a caller may call;
//! - [`guard`]: what every call passes before it reaches a service;
//! - [`refuse`]: how calls are refused.

pub mod caller;
pub mod file;
pub mod guard;
mod jwt;
mod rates;
pub mod refuse;
pub mod static_key;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use tracing::{error, info};

use crate::{BoxError, access::refuse::Denial, reload::Contents};

pub use caller::{Caller, Narrowed};
use file::AccessFile;
use jwt::Tokens;
pub use rates::Meter;
use rates::Rates;
use static_key::StaticKeys;

/// What an application says about its methods.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The scopes of which a caller needs one, by the method's path. What is not named can be called by nobody.
    pub methods: HashMap<&'static str, &'static [&'static str]>,
    /// All scopes that there are.
    pub scopes: &'static [&'static str],
    /// Scopes that concern everything at once: a caller who is bound to some objects does not have them.
    pub whole: &'static [&'static str],
    /// Kinds of objects to which a caller may be bound, as tokens and keys name them, such as `stores`.
    pub kinds: &'static [&'static str],
}

/// Knows callers by the access file, which may change while it is used.
#[derive(Debug)]
pub struct Access {
    policy: Policy,
    path: PathBuf,
    contents: ArcSwap<Contents>,
    callers: ArcSwap<Callers>,
    rates: ArcSwap<Rates>,
}

/// Those who are known, by one state of the file.
#[derive(Debug)]
struct Callers {
    tokens: Option<Tokens>,
    keys: StaticKeys,
}

impl Access {
    /// Reads the access file.
    ///
    /// # Errors
    /// If it or a file that it names cannot be read or is wrong.
    pub fn open(path: &Path, policy: Policy) -> Result<Self, BoxError> {
        let (file, contents) = AccessFile::read(path)?;
        let callers = Callers::of(&file, &policy, &contents)?;
        let rates = Arc::new(Rates::new(file.limits));
        Ok(Self {
            policy,
            path: path.to_owned(),
            contents: ArcSwap::from_pointee(contents),
            callers: ArcSwap::from_pointee(callers),
            rates: ArcSwap::new(rates),
        })
    }

    /// Reads the files again if one of them has changed. What is wrong is logged, and what was known stays known.
    pub fn refresh(&self) {
        if !self.contents.load().has_changed() {
            self.rates.load().forget_idle();
            return;
        }
        let read = AccessFile::read(&self.path).and_then(|(file, contents)| {
            let callers = Callers::of(&file, &self.policy, &contents)?;
            Ok((file, contents, callers))
        });
        match read {
            Ok((file, contents, callers)) => {
                self.callers.store(Arc::new(callers));
                if *self.rates.load().limits() != file.limits {
                    self.rates.store(Arc::new(Rates::new(file.limits)));
                }
                self.contents.store(Arc::new(contents));
                info!(file = %self.path.display(), "the access file was read again");
            }
            Err(cause) => {
                error!(file = %self.path.display(), error = %cause, "the changed access file cannot be used: the one before stays in force");
                // Told once, until it changes again.
                self.contents.store(Arc::new(Contents::now(self.contents.load().paths())));
            }
        }
    }

    /// The caller behind the value of an `authorization` header.
    ///
    /// # Errors
    /// Why nobody can be recognized.
    pub fn recognize(&self, authorization: Option<&[u8]>) -> Result<Caller, Denial> {
        let header = authorization.ok_or(Denial::NoToken)?;
        let text = std::str::from_utf8(header).map_err(|_| Denial::BadToken)?;
        let token = match text.split_at_checked(BEARER.len()) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(BEARER) => token.trim(),
            _ => return Err(Denial::NoToken),
        };
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Denial::BadToken);
        }
        let callers = self.callers.load();
        if static_key::is_one(token) {
            return callers.keys.recognize(token);
        }
        callers.tokens.as_ref().ok_or(Denial::BadToken)?.verify(token)
    }

    /// How often callers may call.
    #[must_use]
    pub fn rates(&self) -> Arc<Rates> {
        self.rates.load_full()
    }

    /// What was said about the methods.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// Before the token, as RFC 6750 has it.
const BEARER: &str = "Bearer ";

/// Longest token: some hundred stores fit.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

impl Callers {
    fn of(file: &AccessFile, policy: &Policy, contents: &Contents) -> Result<Self, BoxError> {
        let tokens = file.tokens.as_ref().map(|tokens| Tokens::new(tokens, policy, contents)).transpose()?;
        let keys = StaticKeys::new(&file.keys, policy)?;
        Ok(Self { tokens, keys })
    }
}

#[cfg(test)]
mod tests;
