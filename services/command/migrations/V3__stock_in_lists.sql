-- Stock as lists of changes that are added up, instead of a row that each sale changes: nine rows of a sale, each looked up,
-- locked and written again, were more than half of what an append took.
--
-- What a batch of events changes stands in stock_batches in the same transaction as the events. The service adds batches up,
-- store by store, into stock_runs; short runs are merged into longer ones. So the stock is the sum of all of them, at every
-- moment exactly that of the log: stock_on_hand shows it.

CREATE TABLE stock_batches (
    -- Of the batch's first event.
    position bigint PRIMARY KEY,
    -- How long the arrays are.
    changes integer NOT NULL,
    store_ids text[] COLLATE "C" NOT NULL,
    item_ids text[] COLLATE "C" NOT NULL,
    on_hand_milli bigint[] NOT NULL,
    -- NULL if no item's changes.
    unsellable_milli bigint[]
);

CREATE TABLE stock_runs (
    store_id text COLLATE "C" NOT NULL,
    -- 0 for batches that were added up; several runs of one level become one of the next.
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 2),
    -- Of the last batch that is in it.
    position bigint NOT NULL,
    item_ids text[] COLLATE "C" NOT NULL,
    on_hand_milli bigint[] NOT NULL,
    unsellable_milli bigint[],
    PRIMARY KEY (store_id, level, position)
);

-- To try to compress what is soon written anew costs more than it saves.
ALTER TABLE stock_batches
    ALTER store_ids SET STORAGE EXTERNAL,
    ALTER item_ids SET STORAGE EXTERNAL,
    ALTER on_hand_milli SET STORAGE EXTERNAL,
    ALTER unsellable_milli SET STORAGE EXTERNAL;
ALTER TABLE stock_runs
    ALTER item_ids SET STORAGE EXTERNAL,
    ALTER on_hand_milli SET STORAGE EXTERNAL,
    ALTER unsellable_milli SET STORAGE EXTERNAL;

WITH moved AS (DELETE FROM stock RETURNING *)
INSERT INTO stock_runs (store_id, level, position, item_ids, on_hand_milli, unsellable_milli)
SELECT store_id, 2, 0, array_agg(item_id ORDER BY item_id), array_agg(on_hand_milli ORDER BY item_id),
    array_agg(unsellable_milli ORDER BY item_id)
FROM moved GROUP BY store_id;

-- The table stock stays, and counts, while services of the version before still write to it. A later version drops it.
CREATE VIEW stock_on_hand AS
SELECT store_id, item_id, sum(on_hand_milli)::bigint AS on_hand_milli, sum(unsellable_milli)::bigint AS unsellable_milli
FROM (
    SELECT run.store_id, change.item_id, change.on_hand_milli, coalesce(change.unsellable_milli, 0) AS unsellable_milli
    FROM stock_runs run,
        unnest(run.item_ids, run.on_hand_milli, run.unsellable_milli) AS change (item_id, on_hand_milli, unsellable_milli)
    UNION ALL
    SELECT change.store_id, change.item_id, change.on_hand_milli, coalesce(change.unsellable_milli, 0)
    FROM stock_batches batch,
        unnest(batch.store_ids, batch.item_ids, batch.on_hand_milli, batch.unsellable_milli)
        AS change (store_id, item_id, on_hand_milli, unsellable_milli)
    UNION ALL
    SELECT store_id, item_id, on_hand_milli, unsellable_milli FROM stock
) AS changes
GROUP BY store_id, item_id;

GRANT SELECT, INSERT, DELETE ON stock_batches, stock_runs TO daybook_app;
GRANT SELECT ON stock_on_hand TO daybook_app;
