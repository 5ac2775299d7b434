//! One report as new as the log: its stored document with the events after it folded in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use daybook::query::{encoded::OneReport, v1::AsOf};
use daybook_read_model::{
    document::{Head as _, Key, Stored as _},
    registry::{self, EntryOf},
    spill::Spilled,
};
use mongodb::bson::doc;
use prost::Message as _;
use tokio::time::Instant;

use crate::{
    call::Frame,
    heads::State,
    live::Look,
    recent::{After, RecentEvent, Touching, Unfoldable},
    report::{Report, not_found, view_head, without, without_entries},
    status::QueryError,
    store::Select,
};

/// How long the end of the log in memory may take to come to what documents show already: they come from the same log.
const SHOWN_SOON: Duration = Duration::from_millis(200);

/// The newest event in any document that was read. Whoever has seen it in one answer finds it in the next one too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown(Arc<AtomicI64>);

impl Shown {
    /// Takes note of what was read.
    pub(crate) fn saw(&self, position: i64) {
        self.0.fetch_max(position, Ordering::AcqRel);
    }
}

impl Shown {
    /// Forgets what was read: it was of another log.
    pub(crate) fn forget(&self) {
        self.0.store(0, Ordering::Release);
    }
}

/// A look at one report, with what is not in its documents yet.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) look: Look,
    /// Events after the position that the documents hold for sure, up to the position of the look.
    pub(crate) events: Vec<Arc<RecentEvent>>,
}

/// What came of looking for a report at the end of the log.
#[derive(Debug)]
enum Found {
    Answer(OneReport),
    /// There was no document.
    Absent,
    /// There is a document by now.
    Present,
    /// The documents have to answer.
    Unsure,
}

impl Frame {
    /// Looks at a report of a kind, once its documents and what was read of the log besides hold at least the position.
    ///
    /// # Errors
    /// As [`Frame::look`].
    pub(crate) async fn look_fresh(
        &self,
        report: &'static str,
        at_least: i64,
        until: Instant,
        wanted: Touching<'_>,
    ) -> Result<Fresh, QueryError> {
        let is_followed = self.reaches(at_least, until).await?;
        let look = self.look(report, if is_followed { 0 } else { at_least }, until).await?;
        let stored = look.as_of.position;
        match self.recent.after(stored, wanted).filter(|after| after.position >= at_least.max(stored + 1)) {
            Some(after) => Ok(Fresh { look: Look { as_of: after.as_of(), ..look }, events: after.events }),
            None if stored >= at_least => Ok(Fresh { look, events: Vec::new() }),
            None => Ok(Fresh { look: self.look(report, at_least, until).await?, events: Vec::new() }),
        }
    }

    /// Waits until the end of the log in memory holds the position, and what was shown of documents before; false if they have
    /// to answer without it.
    ///
    /// # Errors
    /// If the position is not reached in time.
    pub(crate) async fn reaches(&self, at_least: i64, until: Instant) -> Result<bool, QueryError> {
        if !self.recent.reaches(at_least, until).await? {
            return Ok(false);
        }
        let shown = self.shown.0.load(Ordering::Acquire);
        if let Ok(is_followed) = self.recent.reaches(shown, until.min(Instant::now() + SHOWN_SOON)).await {
            return Ok(is_followed);
        }
        // The log is late: unless it comes, all documents must hold what one of them has shown, and with that what was shown of
        // the log before.
        tokio::select! {
            is_followed = self.recent.reaches(shown, until) => is_followed,
            applied = self.positions.reach(None, shown, until) => applied.map(|_| false),
        }
    }

    /// One report without its entries.
    ///
    /// # Errors
    /// If there is no such report, the position is not reached, or MongoDB does not answer in time.
    pub(crate) async fn get<R: Report>(
        &self,
        key: &Key,
        at_least: i64,
        until: Instant,
    ) -> Result<OneReport, QueryError> {
        if !self.reaches(at_least, until).await? {
            let look = self.look(R::HEADS, at_least, until).await?;
            return self.stored::<R>(look, key, until).await;
        }
        // Documents that are there hold what they held a moment ago, in whatever generation: a look that is a moment old will
        // do for them. That there is none must be known for sure.
        let glance = self.glance(R::HEADS, until).await?;
        match self.get_fresh::<R>(&glance, key, at_least, until).await? {
            Found::Answer(answer) => return Ok(answer),
            Found::Present | Found::Unsure => {}
            Found::Absent => {
                let look = self.look(R::HEADS, 0, until).await?;
                let mut found = self.get_new::<R>(&look, key, at_least, until).await?;
                if let Found::Present = found {
                    // By now there is one. It may be older than what was answered without it.
                    found = self.get_fresh::<R>(&look, key, at_least, until).await?;
                }
                if let Found::Answer(answer) = found {
                    return Ok(answer);
                }
            }
        }
        let look = self.look(R::HEADS, at_least, until).await?;
        self.stored::<R>(look, key, until).await
    }

    /// One report as new as the log, if it has a document and the end of the log is enough.
    async fn get_fresh<R: Report>(
        &self,
        look: &Look,
        key: &Key,
        at_least: i64,
        until: Instant,
    ) -> Result<Found, QueryError> {
        let (id, edition, kept) = (key.id(), look.live.edition(), R::kept(&self.heads));
        if look.live.is_incomplete(R::HEADS, &id) {
            // What it lacks may be folded at last without a new event.
            kept.forget(edition, &id);
            return Ok(Found::Unsure);
        }
        if let Some(seen) = kept.get(edition, &id)
            && let Some(mut state) = seen.state()
            && let Some(after) = self.recent.after(state.position, R::touching(key))
        {
            // It is of use only while all events after it are at hand.
            return answer::<R>(&mut state, look, key, &after, at_least);
        }
        let read_at = Instant::now();
        let head = look.live.head::<R>(&id, without(R::UNCOUNTED_FIELDS), until).await?;
        let Some(mut head) = head else { return Ok(Found::Absent) };
        head.loaded();
        let position = look.as_of.position;
        let Some(after) = self.recent.after(position, R::touching(key)) else { return Ok(Found::Unsure) };
        let mut state = State { head, view: Bytes::new(), position };
        let found = answer::<R>(&mut state, look, key, &after, at_least)?;
        if let Found::Answer(_) = found {
            kept.put(edition, &id, state, read_at);
        }
        Ok(found)
    }

    /// One report that has no document yet, if the end of the log is enough to tell what it is, or that there is none.
    async fn get_new<R: Report>(
        &self,
        look: &Look,
        key: &Key,
        at_least: i64,
        until: Instant,
    ) -> Result<Found, QueryError> {
        let after = self.recent.after(look.as_of.position, R::touching(key));
        let Some(after) = after.filter(|after| after.position >= at_least) else { return Ok(Found::Unsure) };
        let id_only = doc! { "_id": 1 };
        if !look.live.read(R::HEADS, Select::one(&key.id()).with_fields(id_only), until).await?.is_empty() {
            return Ok(Found::Present);
        }
        self.confirm(R::HEADS, look, until).await?;
        let mut head = R::Head::open(key);
        match fold_in::<R>(&mut head, key, &after.events) {
            Ok(true) => {}
            Ok(false) => return Err(not_found::<R>(key, &as_of(look, &after))),
            Err(Unfoldable) => return Ok(Found::Unsure),
        }
        if R::counted(&head).is_some() {
            return Ok(Found::Unsure);
        }
        let report = view_head::<R>(&head)?.encode_to_vec().into();
        Ok(Found::Answer(OneReport { report, as_of: Some(as_of(look, &after)) }))
    }

    /// One report as it is stored.
    async fn stored<R: Report>(&self, look: Look, key: &Key, until: Instant) -> Result<OneReport, QueryError> {
        let head = look.live.head::<R>(&key.id(), without_entries::<R>(), until).await?;
        let Some(head) = head else {
            self.confirm(R::HEADS, &look, until).await?;
            return Err(not_found::<R>(key, &look.as_of));
        };
        let report = look.live.view::<R>(&head, until).await?.encode_to_vec().into();
        Ok(OneReport { report, as_of: Some(look.as_of) })
    }
}

/// Folds into a head what came after it, makes its view anew if anything did, and answers with it.
fn answer<R: Report>(
    state: &mut State<R::Head>,
    look: &Look,
    key: &Key,
    after: &After,
    at_least: i64,
) -> Result<Found, QueryError> {
    if after.position < at_least {
        return Ok(Found::Unsure);
    }
    if !after.events.is_empty() || state.view.is_empty() {
        if fold_in::<R>(&mut state.head, key, &after.events).is_err() {
            return Ok(Found::Unsure);
        }
        if R::counted(&state.head).is_some() {
            // Something of the totals stands on pages, which are as new as they are stored.
            return Ok(Found::Unsure);
        }
        state.view = view_head::<R>(&state.head)?.encode_to_vec().into();
        // What a projector would write next: nobody does here.
        state.head.loaded();
    }
    state.position = after.position;
    Ok(Found::Answer(OneReport { report: state.view.clone(), as_of: Some(as_of(look, after)) }))
}

/// As of when an answer from the end of the log is true; the look knows more if nothing came after it.
fn as_of(look: &Look, after: &After) -> AsOf {
    if after.position == look.as_of.position { look.as_of } else { after.as_of() }
}

/// A head with events folded in that it may lack; `None` if there is no report even then. What of the events belongs on
/// pages is given away, whether the head has them or not.
///
/// # Errors
/// If an event cannot be folded.
pub(crate) fn up_to_date<R: registry::Report>(
    stored: Option<R::Head>,
    key: &Key,
    events: &[Arc<RecentEvent>],
    mut beyond: impl FnMut(i64, Spilled<EntryOf<R>>),
) -> Result<Option<R::Head>, Unfoldable> {
    let mut head = stored;
    for event in events {
        for (_, change) in event.changes::<R>()?.into_iter().filter(|(touched, _)| touched == key) {
            let head = head.get_or_insert_with(|| R::Head::open(key));
            let spilled = head.fold(event.position(), change).map_err(|_| Unfoldable)?;
            spilled.into_iter().for_each(|part| beyond(event.position(), part));
        }
    }
    Ok(head)
}

/// Folds what events change in the totals into a head that may lack them; false if they change nothing of it. If one cannot be
/// folded, those before it are.
fn fold_in<R: Report>(head: &mut R::Head, key: &Key, events: &[Arc<RecentEvent>]) -> Result<bool, Unfoldable> {
    let mut is_touched = false;
    for event in events {
        for (_, change) in event.totals::<R>()?.iter().filter(|(touched, _)| touched == key) {
            head.fold(event.position(), change.clone()).map_err(|_| Unfoldable)?;
            is_touched = true;
        }
    }
    Ok(is_touched)
}
