//! A caller as it was verified.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tonic::Extensions;

use super::refuse::Denial;
use crate::answer::Refusal;

/// Name of the caller where callers are not verified.
pub const ANONYMOUS: &str = "anonymous";

/// Who calls: travels in the extensions of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(Arc<Identity>);

/// What was verified about a caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Who it is.
    pub subject: String,
    /// The key by which that was verified; empty for nobody.
    pub key_id: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// The objects for which alone it may speak, by kind. Of a kind that is not here it may speak for all.
    pub bound: BTreeMap<String, BTreeSet<String>>,
    /// True where callers are not verified: everything is allowed.
    pub is_anybody: bool,
}

/// What remains of a list that names objects, once it is narrowed to those of the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Narrowed {
    /// As it was asked for: none named means all.
    To(Vec<String>),
    /// Nothing of it is the caller's.
    Nothing,
}

impl Caller {
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self(Arc::new(identity))
    }

    /// The caller where callers are not verified.
    #[must_use]
    pub fn anybody() -> Self {
        Self::new(Identity { subject: ANONYMOUS.to_owned(), is_anybody: true, ..Identity::default() })
    }

    /// Who made a call.
    ///
    /// # Errors
    /// If the call has not passed the guard: then nobody may do anything.
    pub fn of(extensions: &Extensions) -> Result<Self, Refusal> {
        extensions.get::<Self>().cloned().ok_or_else(|| Denial::NoToken.refusal())
    }

    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.0
    }

    /// True if the caller has a scope.
    #[must_use]
    pub fn has(&self, scope: &str) -> bool {
        self.0.is_anybody || self.0.scopes.iter().any(|own| own == scope)
    }

    /// True if the caller may speak for some objects only.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        !self.0.bound.is_empty()
    }

    /// Whether the caller may speak for what a message names: of every kind to which it is bound, at least one object must
    /// be named, and none that is not its own.
    ///
    /// # Errors
    /// PERMISSION_DENIED, without a word about what exists.
    pub fn speaks_for(&self, named: &[(&str, &str)]) -> Result<(), Refusal> {
        for (kind, own) in &self.0.bound {
            let mut of_kind = named.iter().filter(|(named, _)| named == kind).peekable();
            if of_kind.peek().is_none() || of_kind.any(|(_, id)| !own.contains(*id)) {
                return Err(Denial::NotOwn(kind.clone()).refusal());
            }
        }
        Ok(())
    }

    /// Narrows a list of ids, where none means all, to those of the caller. A caller who is bound by another kind than this
    /// one finds nothing.
    #[must_use]
    pub fn narrow(&self, kind: &str, asked: Vec<String>) -> Narrowed {
        if self.0.bound.keys().any(|bound| bound != kind) {
            return Narrowed::Nothing;
        }
        let Some(own) = self.0.bound.get(kind) else { return Narrowed::To(asked) };
        let left: Vec<String> = if asked.is_empty() {
            own.iter().cloned().collect()
        } else {
            asked.into_iter().filter(|id| own.contains(id)).collect()
        };
        if left.is_empty() { Narrowed::Nothing } else { Narrowed::To(left) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(kind: &str, ids: &[&str]) -> Caller {
        let own = ids.iter().map(|id| (*id).to_owned()).collect();
        Caller::new(Identity { bound: BTreeMap::from([(kind.to_owned(), own)]), ..Identity::default() })
    }

    #[test]
    fn a_bound_caller_speaks_for_its_own_only() {
        let register = bound("stores", &["443"]);
        assert!(register.speaks_for(&[("stores", "443")]).is_ok());
        assert!(register.speaks_for(&[("stores", "443"), ("suppliers", "9")]).is_ok());
        for foreign in [&[("stores", "444")][..], &[("stores", "443"), ("stores", "444")], &[("suppliers", "9")], &[]] {
            assert!(register.speaks_for(foreign).is_err(), "{foreign:?}");
        }
        assert!(Caller::anybody().speaks_for(&[]).is_ok());
    }

    #[test]
    fn lists_are_narrowed() {
        let register = bound("stores", &["443", "445"]);
        let asked = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        assert_eq!(register.narrow("stores", vec![]), Narrowed::To(asked(&["443", "445"])));
        assert_eq!(register.narrow("stores", asked(&["445", "446"])), Narrowed::To(asked(&["445"])));
        assert_eq!(register.narrow("stores", asked(&["446"])), Narrowed::Nothing);
        assert_eq!(register.narrow("suppliers", vec![]), Narrowed::Nothing);
        assert_eq!(Caller::anybody().narrow("stores", vec![]), Narrowed::To(vec![]));
        assert_eq!(bound("stores", &[]).narrow("stores", vec![]), Narrowed::Nothing);
    }

    #[test]
    fn nobody_is_known_without_the_guard() {
        assert!(Caller::of(&Extensions::default()).is_err());
    }
}
