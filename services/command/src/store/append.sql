-- Appends one batch in one statement, so in one transaction and one round trip.
--
-- seen:     events that are there already under a request id or a place in a stream that the batch wants to take.
--           If there is one, nothing at all is written, and the rows tell which commands must leave the batch.
--           Looked for only if $23 says so: nearly always there is none, and otherwise the unique indexes refuse the batch.
-- head:     gives out the positions, under the lock of the only row of log_head. No row if something was seen, or if
--           the batch was decided against a catalogue that has changed since, or if the log does not hold the event that
--           this process saw last ($21, $22): then it is another log.
-- appended: the events, numbered in the order of the arrays.
-- moved:    what the batch changes of stock, as one row: see V3__stock_in_lists.sql.
WITH seen AS MATERIALIZED (
    SELECT request_id, stream_id, stream_version, position, fingerprint, request_events, event_type, schema_version, payload
    FROM events
    WHERE $23::boolean AND request_id = ANY ($1::uuid[])
    UNION
    SELECT e.request_id, e.stream_id, e.stream_version, e.position, e.fingerprint, e.request_events, e.event_type,
        e.schema_version, e.payload
    FROM unnest($2::uuid[], $3::integer[]) AS wanted (stream_id, stream_version)
    JOIN events e USING (stream_id, stream_version)
    WHERE $23::boolean
),
head AS (
    UPDATE log_head
    SET position = position + cardinality($2::uuid[]),
        catalogue_position = CASE WHEN $4::boolean THEN position + cardinality($2::uuid[]) ELSE catalogue_position END,
        recorded_at = greatest(recorded_at, clock_timestamp())
    WHERE catalogue_position = $5::bigint AND NOT EXISTS (SELECT FROM seen)
        AND ($21::bigint = 0 OR EXISTS (SELECT FROM events WHERE position = $21 AND event_id = $22::uuid))
    RETURNING position - cardinality($2::uuid[]) AS base, recorded_at
),
appended AS (
    INSERT INTO events (
        position, event_id, stream_id, stream_version, event_type, schema_version, store_id, business_date,
        occurred_at, recorded_at, request_id, fingerprint, request_events, payload, metadata
    )
    SELECT head.base + event.number, event.event_id, event.stream_id, event.stream_version, event.event_type,
        event.schema_version, event.store_id, event.business_date, event.occurred_at, head.recorded_at,
        event.request_id, event.fingerprint, event.request_events, event.payload, event.metadata
    FROM head,
        unnest($6::uuid[], $2::uuid[], $3::integer[], $7::text[], $8::integer[], $9::text[], $10::date[],
            $11::timestamptz[], $12::uuid[], $13::bytea[], $14::integer[], $15::bytea[], $16::bytea[])
        WITH ORDINALITY AS event (event_id, stream_id, stream_version, event_type, schema_version, store_id,
            business_date, occurred_at, request_id, fingerprint, request_events, payload, metadata, number)
),
moved AS (
    INSERT INTO stock_batches (position, changes, store_ids, item_ids, on_hand_milli, unsellable_milli)
    SELECT base + 1, cardinality($17::text[]), $17::text[], $18::text[], $19::bigint[], $20::bigint[]
    FROM head WHERE cardinality($17::text[]) > 0
)
SELECT true AS written, base AS position, NULL::uuid AS request_id, NULL::uuid AS stream_id,
    NULL::integer AS stream_version, NULL::bytea AS fingerprint, NULL::integer AS request_events,
    NULL::text AS event_type, NULL::integer AS schema_version, NULL::bytea AS payload, recorded_at
FROM head
UNION ALL
SELECT false, position, request_id, stream_id, stream_version, fingerprint, request_events, event_type, schema_version,
    payload, NULL::timestamptz
FROM seen
