-- The log and the tables that commands are checked against. Run by the owner; the service itself connects as
-- daybook_app, which can add events but never change or delete one.

-- One row: where the log ends. Positions are given out by updating it, so appends are serialised by its lock.
CREATE TABLE log_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL CHECK (position >= 0),
    -- Position of the last event that changed what commands are decided against: suppliers, stores, items, and sales of
    -- items that were not registered. A batch that was decided against an older state is decided again.
    catalogue_position bigint NOT NULL CHECK (catalogue_position BETWEEN 0 AND position),
    -- Never goes back, even if the clock does.
    recorded_at timestamptz NOT NULL
);
INSERT INTO log_head (position, catalogue_position, recorded_at) VALUES (0, 0, '1970-01-01T00:00:00Z');

CREATE TABLE events (
    position bigint PRIMARY KEY,
    event_id uuid NOT NULL,
    -- UUID version 5 of the stream's name.
    stream_id uuid NOT NULL,
    stream_version integer NOT NULL CHECK (stream_version > 0),
    event_type text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL,
    store_id text COLLATE "C",
    business_date date,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    -- Set on a command's first event only: the command's id, a digest of its content, and how many events it made.
    request_id uuid,
    fingerprint bytea,
    request_events integer,
    -- Encoded daybook.event.v1.Event and daybook.event.v1.Metadata.
    payload bytea NOT NULL,
    metadata bytea NOT NULL,
    CONSTRAINT events_stream UNIQUE (stream_id, stream_version),
    CONSTRAINT events_request UNIQUE (request_id),
    CONSTRAINT events_first CHECK (num_nulls(request_id, fingerprint, request_events) IN (0, 3))
);

CREATE TABLE suppliers (
    supplier_id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    gln text NOT NULL,
    position bigint NOT NULL
);

CREATE TABLE stores (
    store_id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    time_zone text NOT NULL,
    cut_off_minutes integer NOT NULL,
    currency_code text NOT NULL,
    negative_stock_allowed boolean NOT NULL,
    position bigint NOT NULL
);

CREATE TABLE items (
    item_id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    gtin text NOT NULL,
    category text NOT NULL,
    unit_code text NOT NULL,
    decimals integer NOT NULL,
    -- The supplier in force, and since when.
    supplier_id text COLLATE "C" NOT NULL REFERENCES suppliers,
    supplier_since timestamptz NOT NULL,
    position bigint NOT NULL
);

CREATE TABLE stock (
    store_id text COLLATE "C" NOT NULL,
    item_id text COLLATE "C" NOT NULL,
    on_hand_milli bigint NOT NULL,
    unsellable_milli bigint NOT NULL,
    PRIMARY KEY (store_id, item_id)
) WITH (fillfactor = 80);

-- What was sold of items that were not registered, less voids: moved to the right supplier when the item is registered.
CREATE TABLE unassigned_sales (
    item_id text COLLATE "C" NOT NULL,
    store_id text COLLATE "C" NOT NULL,
    business_date date NOT NULL,
    lines_sold bigint NOT NULL,
    quantity_sold_milli bigint NOT NULL,
    gross_minor bigint NOT NULL,
    discount_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    quantity_returned_milli bigint NOT NULL,
    returns_net_minor bigint NOT NULL,
    PRIMARY KEY (item_id, store_id, business_date)
);

GRANT SELECT, UPDATE ON log_head TO daybook_app;
GRANT SELECT, INSERT ON events, suppliers, stores, items TO daybook_app;
GRANT SELECT, INSERT, UPDATE ON stock, unassigned_sales TO daybook_app;
