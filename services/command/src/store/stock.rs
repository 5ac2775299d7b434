//! Stock as lists of changes: each batch of events adds one, in its own transaction, and they are added up here, store by store,
//! into runs. Runs are merged level by level, so that each change is written a few times and a store is read from few rows.
//! `V3__stock_in_lists.sql` says what the tables hold.

use std::pin::pin;

use ahash::{HashMap, HashMapExt as _};
use deadpool_postgres::{Object, Transaction};
use tokio_postgres::{Row, binary_copy::BinaryCopyInWriter, types::Type};

use super::{Connection, Store, StoreError, bounded};

/// Changes that one step takes out of batches, some megabytes; the last batch may exceed it.
pub const STEP_CHANGES: i64 = 50_000;

/// Runs of a store at one level that become one of the next.
const FAN_IN: i64 = 16;

/// Where runs end: one for each store, with all items it ever had.
const TOP: i16 = 2;

/// Merges of one step into a run of the next level, and into one of the top, which are as long as the catalogue: a step
/// stays short also when many stores are due together. Those with the most runs come first.
const STEP_MERGES: i64 = 64;
const STEP_TOP_MERGES: i64 = 4;

/// Only one process adds up at a time. The number only has to be the same in all of them.
const LOCK: i64 = 0x0053_544f_434b;

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Changes that were taken out of batches.
    pub changes: i64,
    /// Runs that others were merged into.
    pub merges: usize,
}

/// A list of changes as it is read.
struct List<'a> {
    position: i64,
    items: Vec<&'a str>,
    on_hand: Vec<i64>,
    unsellable: Option<Vec<i64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change<'a> {
    item_id: &'a str,
    on_hand: i64,
    unsellable: i64,
}

/// A column that is left out if it says nothing.
pub(super) fn unless_zero(column: Vec<i64>) -> Option<Vec<i64>> {
    column.iter().any(|value| *value != 0).then_some(column)
}

impl Store {
    /// How many changes wait in batches.
    ///
    /// # Errors
    /// If Postgres is away.
    pub async fn pending_stock(&self) -> Result<i64, StoreError> {
        let mut connection = self.connection().await?;
        let client = connection.client()?;
        let result = bounded(async {
            let statement =
                client.prepare_cached("SELECT coalesce(sum(changes), 0)::bigint FROM stock_batches").await?;
            Ok(client.query_one(&statement, &[]).await?.try_get(0)?)
        })
        .await;
        connection.finish(result)
    }

    /// Adds up what waits in batches, in one transaction. `None` if another process does at the moment.
    ///
    /// # Errors
    /// If Postgres is away, or a list is damaged.
    pub async fn compact_stock(&self) -> Result<Option<Compacted>, StoreError> {
        let mut connection: Connection = self.connection().await?;
        let client = connection.client()?;
        let result = bounded(compact(client)).await;
        connection.finish(result)
    }
}

async fn compact(client: &mut Object) -> Result<Option<Compacted>, StoreError> {
    let transaction = client.transaction().await?;
    let lock = transaction.prepare_cached("SELECT pg_try_advisory_xact_lock($1)").await?;
    if !transaction.query_one(&lock, &[&LOCK]).await?.try_get::<_, bool>(0)? {
        transaction.rollback().await?;
        return Ok(None);
    }
    let changes = take_batches(&transaction).await?;
    let statement = transaction.prepare_cached(DUE).await?;
    let mut merges = 0;
    for level in 0..TOP {
        let most = if level + 1 == TOP { STEP_TOP_MERGES } else { STEP_MERGES };
        let due = transaction.query(&statement, &[&level, &FAN_IN, &most]).await?;
        for row in &due {
            merge(&transaction, row.try_get(0)?, level).await?;
        }
        merges += due.len();
    }
    transaction.commit().await?;
    Ok(Some(Compacted { changes, merges }))
}

/// Makes a run for each store of the batches that were committed first; says how many changes that were.
async fn take_batches(transaction: &Transaction<'_>) -> Result<i64, StoreError> {
    let statement = transaction.prepare_cached(TAKE).await?;
    let rows = transaction.query(&statement, &[&STEP_CHANGES]).await?;
    let mut by_store: HashMap<&str, Vec<Change<'_>>> = HashMap::new();
    let (mut taken, mut last) = (0, 0);
    for row in &rows {
        let list = list(row)?;
        let stores: Vec<&str> = row.try_get(4)?;
        if stores.len() != list.items.len() {
            return Err(StoreError::DamagedStock { position: list.position });
        }
        last = last.max(list.position);
        taken += i64::try_from(stores.len()).unwrap_or(i64::MAX);
        for (store_id, change) in stores.into_iter().zip(list.changes()) {
            by_store.entry(store_id).or_default().push(change);
        }
    }
    if !by_store.is_empty() {
        put(transaction, 0, last, by_store).await?;
    }
    Ok(taken)
}

/// Merges all runs of a store at a level into one of the next.
async fn merge(transaction: &Transaction<'_>, store_id: &str, level: i16) -> Result<(), StoreError> {
    let into = level + 1;
    // There is only one at the top, so it takes part.
    let with = if into == TOP { TOP } else { level };
    let statement = transaction.prepare_cached(REMOVE).await?;
    let rows = transaction.query(&statement, &[&store_id, &level, &with]).await?;
    let (mut changes, mut last) = (Vec::new(), 0);
    for row in &rows {
        let list = list(row)?;
        last = last.max(list.position);
        changes.extend(list.changes());
    }
    put(transaction, into, last, [(store_id, changes)]).await
}

/// Writes one run for each store.
async fn put<'a>(
    transaction: &Transaction<'_>,
    level: i16,
    position: i64,
    changes: impl IntoIterator<Item = (&'a str, Vec<Change<'a>>)>,
) -> Result<(), StoreError> {
    let statement = transaction.prepare_cached(PUT).await?;
    let sink = transaction.copy_in(&statement).await?;
    let types = [Type::TEXT, Type::INT2, Type::INT8, Type::TEXT_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY];
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    for (store_id, changes) in changes {
        let run = added_up(changes);
        let items: Vec<&str> = run.iter().map(|change| change.item_id).collect();
        let on_hand: Vec<i64> = run.iter().map(|change| change.on_hand).collect();
        let unsellable = unless_zero(run.iter().map(|change| change.unsellable).collect());
        writer.as_mut().write(&[&store_id, &level, &position, &items, &on_hand, &unsellable]).await?;
    }
    writer.finish().await?;
    Ok(())
}

fn list(row: &Row) -> Result<List<'_>, StoreError> {
    let list = List {
        position: row.try_get(0)?,
        items: row.try_get(1)?,
        on_hand: row.try_get(2)?,
        unsellable: row.try_get(3)?,
    };
    let whole = list.items.len() == list.on_hand.len()
        && list.unsellable.as_ref().is_none_or(|unsellable| unsellable.len() == list.items.len());
    if whole { Ok(list) } else { Err(StoreError::DamagedStock { position: list.position }) }
}

impl<'a> List<'a> {
    /// The changes; all columns are as long as the first.
    fn changes(self) -> impl Iterator<Item = Change<'a>> {
        let unsellable = self.unsellable.into_iter().flatten().chain(std::iter::repeat(0));
        let rest = self.on_hand.into_iter().zip(unsellable);
        self.items.into_iter().zip(rest).map(|(item_id, (on_hand, unsellable))| Change { item_id, on_hand, unsellable })
    }
}

/// One change for each item, in their order. A change of nothing stays: the store has had the item. Two that no
/// number can hold together stay two.
fn added_up(mut changes: Vec<Change<'_>>) -> Vec<Change<'_>> {
    // Lists are in order already, which this sort makes use of.
    changes.sort_by_key(|change| change.item_id);
    changes.dedup_by(|next, sum| {
        if next.item_id != sum.item_id {
            return false;
        }
        let sums = (sum.on_hand.checked_add(next.on_hand), sum.unsellable.checked_add(next.unsellable));
        let (Some(on_hand), Some(unsellable)) = sums else { return false };
        (sum.on_hand, sum.unsellable) = (on_hand, unsellable);
        true
    });
    changes
}

/// The batches that were committed first, up to a number of changes.
const TAKE: &str = "WITH first AS (
        SELECT position FROM (
            SELECT position, sum(changes) OVER (ORDER BY position) - changes AS before FROM stock_batches
        ) batch WHERE before < $1
    )
    DELETE FROM stock_batches batch USING first WHERE batch.position = first.position
    RETURNING batch.position, batch.item_ids, batch.on_hand_milli, batch.unsellable_milli, batch.store_ids";

/// Stores that have many runs at a level.
const DUE: &str = "SELECT store_id FROM stock_runs WHERE level = $1
    GROUP BY store_id HAVING count(*) >= $2 ORDER BY count(*) DESC, store_id LIMIT $3";

const REMOVE: &str = "DELETE FROM stock_runs WHERE store_id = $1 AND level IN ($2, $3)
    RETURNING position, item_ids, on_hand_milli, unsellable_milli";

const PUT: &str = "COPY stock_runs (store_id, level, position, item_ids, on_hand_milli, unsellable_milli)
    FROM STDIN BINARY";

#[cfg(test)]
mod tests {
    use super::*;

    fn change(item_id: &str, on_hand: i64, unsellable: i64) -> Change<'_> {
        Change { item_id, on_hand, unsellable }
    }

    #[test]
    fn changes_are_added_up_by_item() {
        let changes = vec![
            change("10", -1_000, 0),
            change("9", 500, 0),
            change("10", 1_000, 0),
            change("7", 0, 1),
            change("9", -200, 3),
        ];
        assert_eq!(added_up(changes), [change("10", 0, 0), change("7", 0, 1), change("9", 300, 3)]);
        assert_eq!(added_up(Vec::new()), []);
    }

    #[test]
    fn what_no_number_can_hold_stays_apart() {
        let changes = vec![change("1", i64::MAX, 0), change("1", 1, 0), change("1", -5, 0)];
        let sum: i128 = added_up(changes).iter().map(|change| i128::from(change.on_hand)).sum();
        assert_eq!(sum, i128::from(i64::MAX) - 4);
    }

    #[test]
    fn a_column_of_nothing_is_left_out() {
        assert_eq!(unless_zero(vec![0, 0]), None);
        assert_eq!(unless_zero(vec![0, -1]), Some(vec![0, -1]));
    }
}
