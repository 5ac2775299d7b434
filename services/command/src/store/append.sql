-- Appends one batch in one statement, so in one transaction and one round trip. If an event is there already under a request
-- id or a place in a stream that the batch wants to take, the unique indexes refuse all of it.
--
-- head:     gives out the positions, under the lock of the only row of log_head. No row if the batch was decided against a
--           catalogue that has changed since, or if the log does not hold the event that this process saw last ($20, $21):
--           then it is another log. Without it nothing at all is written.
-- appended: the events, numbered in the order of the arrays.
-- moved:    what the batch changes of stock, as one row: see V3__stock_in_lists.sql.
WITH head AS (
    UPDATE log_head
    SET position = position + cardinality($1::uuid[]),
        catalogue_position = CASE WHEN $3::boolean THEN position + cardinality($1::uuid[]) ELSE catalogue_position END,
        recorded_at = greatest(recorded_at, clock_timestamp())
    WHERE catalogue_position = $4::bigint
        AND ($20::bigint = 0 OR EXISTS (SELECT FROM events WHERE position = $20 AND event_id = $21::uuid))
    RETURNING position - cardinality($1::uuid[]) AS base, recorded_at
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
        unnest($5::uuid[], $1::uuid[], $2::integer[], $6::text[], $7::integer[], $8::text[], $9::date[],
            $10::timestamptz[], $11::uuid[], $12::bytea[], $13::integer[], $14::bytea[], $15::bytea[])
        WITH ORDINALITY AS event (event_id, stream_id, stream_version, event_type, schema_version, store_id,
            business_date, occurred_at, request_id, fingerprint, request_events, payload, metadata, number)
),
moved AS (
    INSERT INTO stock_batches (position, changes, store_ids, item_ids, on_hand_milli, unsellable_milli)
    SELECT base + 1, cardinality($16::text[]), $16::text[], $17::text[], $18::bigint[], $19::bigint[]
    FROM head WHERE cardinality($16::text[]) > 0
)
SELECT base, recorded_at FROM head
