//! Deciding a batch, and laying it out in columns.

use ahash::{HashSet, HashSetExt as _};
use daybook::{command::v1, reason};
use daybook_chassis::answer::Refusal;
use daybook_write_model::Place;
use jiff::{Timestamp, Unit};
use prost::Message as _;
use tonic::Code;
use uuid::Uuid;

use super::{Queued, pipeline::MOVES_AT_ONCE};
use crate::{
    domain::{
        catalogue::Catalogue,
        decision::{self, NewEvent},
        moves::UnassignedSales,
    },
    store::append::Batch,
};

/// Largest event. NATS servers take messages of 1 MiB unless they are told otherwise.
const MAX_EVENT_BYTES: usize = 900 * 1024;

/// Events of one batch: a command that would exceed it waits for the next one, unless it is the first.
const MAX_BATCH_EVENTS: usize = 2_000;

/// A decided batch.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) batch: Batch,
    /// The commands whose events are in the batch, in its order.
    pub(super) accepted: Vec<Accepted>,
    /// Commands that are refused, unless they turn out to have been accepted before.
    pub(super) refused: Vec<Refused>,
    /// Commands that depend on others of this batch.
    pub(super) deferred: Vec<Queued>,
}

/// A command that is refused.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) queued: Queued,
    pub(super) refusal: Refusal,
    /// The stream that it would begin: see [`crate::domain::command::Command::begins`].
    pub(super) begins: Option<Uuid>,
}

/// A command whose events are in the batch. They themselves are let go as soon as they are encoded, so that the next one takes their
/// place in memory while that is in the processor's cache.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) queued: Queued,
    /// Where its events stand: streams and versions, at least one.
    pub(super) places: Vec<(Uuid, i32)>,
    /// What is answered, but for the position, which the log gives.
    pub(super) answer: v1::Accepted,
}

impl Plan {
    /// Decides commands in order. Each sees the catalogue as the ones before it leave it. `sold_before` is what was sold of
    /// the item that the first command registers, or the first of it.
    pub(super) fn decide(
        commands: Vec<Queued>,
        catalogue: &mut Catalogue,
        mut sold_before: Option<Vec<UnassignedSales>>,
        now: Timestamp,
    ) -> Self {
        let mut plan = Self::default();
        plan.batch.catalogue_position = catalogue.position;
        let mut requests = HashSet::with_capacity(commands.len());
        let mut streams: HashSet<Uuid> = HashSet::with_capacity(commands.len());
        let mut buffer = Vec::new();
        for queued in commands {
            let submission = &queued.submission;
            let moves = sold_before.take();
            let must_move = submission.command.registers_item().is_some_and(|item| catalogue.is_unassigned(item));
            if requests.contains(&submission.request_id) || (must_move && moves.is_none()) {
                plan.deferred.push(queued);
                continue;
            }
            let events = match submission.command.decide(catalogue, moves.as_deref().unwrap_or_default()) {
                Ok(events) => events,
                Err(refusal) => {
                    let begins = queued.submission.command.begins(catalogue);
                    plan.refused.push(Refused { queued, refusal, begins });
                    continue;
                }
            };
            let full =
                plan.batch.columns.event_ids.len() + events.len() > MAX_BATCH_EVENTS && !plan.accepted.is_empty();
            if full || events.iter().any(|event| streams.contains(&event.stream_id)) {
                plan.deferred.push(queued);
                continue;
            }
            let payloads: Vec<Vec<u8>> = events.iter().map(|event| encode(event, &mut buffer)).collect();
            if let Some(large) = payloads.iter().map(Vec::len).find(|bytes| *bytes > MAX_EVENT_BYTES) {
                let message = format!("the event would have {large} bytes; the most is {MAX_EVENT_BYTES}");
                let refusal = Refusal::new(Code::InvalidArgument, reason::OUT_OF_BOUNDS, message);
                plan.refused.push(Refused { queued, refusal, begins: None });
                continue;
            }
            requests.insert(submission.request_id);
            for (event, payload) in events.iter().zip(payloads) {
                streams.insert(event.stream_id);
                plan.batch.touches_catalogue |= catalogue.apply(&event.kind);
                push(&mut plan.batch, event, payload, now, queued.submission.metadata.encode_to_vec());
            }
            // There may be more than were at hand.
            if let Some(item) =
                submission.command.registers_item().filter(|_| moves.is_some_and(|it| it.len() == MOVES_AT_ONCE))
            {
                catalogue.note_to_move(item);
            }
            plan.mark_first(&queued, events.len());
            let Some(first) = events.first() else { continue };
            let answer = decision::accepted(&first.kind, 0, false);
            let places = events.iter().map(|event| (event.stream_id, event.stream_version)).collect();
            plan.accepted.push(Accepted { queued, places, answer });
        }
        plan
    }

    fn mark_first(&mut self, queued: &Queued, events: usize) {
        let columns = &mut self.batch.columns;
        let first = columns.event_ids.len() - events;
        columns.request_ids[first] = Some(queued.submission.request_id.uuid());
        columns.fingerprints[first] = Some(queued.submission.fingerprint.to_vec());
        columns.request_events[first] = i32::try_from(events).ok();
    }
}

/// An event as the log keeps it. The buffer is used for one after the other: to copy the bytes out of it is less work than to
/// measure the event first.
pub(super) fn encode(event: &NewEvent, buffer: &mut Vec<u8>) -> Vec<u8> {
    buffer.clear();
    // As an `Event` of this kind is encoded, without a copy of it.
    event.kind.encode(buffer);
    buffer.as_slice().to_vec()
}

/// Adds an event to a batch, as one that is not the first of a command.
pub(super) fn push(batch: &mut Batch, event: &NewEvent, payload: Vec<u8>, now: Timestamp, metadata: Vec<u8>) {
    let columns = &mut batch.columns;
    let kind = event.event_type();
    columns.event_ids.push(Uuid::now_v7());
    columns.stream_ids.push(event.stream_id);
    columns.stream_versions.push(event.stream_version);
    columns.event_types.push(kind.as_str());
    columns.schema_versions.push(kind.schema_version());
    columns.store_ids.push(event.store_id.clone());
    columns.business_dates.push(event.business_date);
    columns.occurred_at.push(event.occurred_at.unwrap_or(now));
    columns.request_ids.push(None);
    columns.fingerprints.push(None);
    columns.request_events.push(None);
    columns.payloads.push(payload);
    columns.metadata.push(metadata);
    let number = i64::try_from(columns.event_ids.len()).unwrap_or(i64::MAX);
    let place = Place { store_id: event.store_id.as_deref(), business_date: event.business_date };
    batch.effects.add(number, place, &event.kind);
}

/// The instant to the microsecond, as Postgres keeps it.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(Unit::Microsecond).unwrap_or(now)
}
