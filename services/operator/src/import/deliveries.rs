//! Deliveries: rows of one delivery note are one delivery.

use std::path::Path;

use daybook::command::v1::{RecordDeliveryLine, RecordDeliveryRequest, UploadDeliveriesRequest};
use indicatif::ProgressBar;

use super::{
    csv_file::Layout,
    fault::{CONTRADICTORY_DELIVERY, Fault},
    group::Rows,
    grouped::{self, Kind, Made},
    source::{Sink, request_id},
    stores::Stores,
};
use crate::error::Error;

pub(crate) static LAYOUT: Layout = Layout {
    file: "deliveries.csv",
    required: &["store_id", "supplier_id", "delivery_note", "delivered_at", "item_id", "quantity", "unit_cost"],
    optional: &[],
};

static DELIVERY_NOTES: Kind = Kind {
    layout: &LAYOUT,
    key: ["supplier_id", "delivery_note"],
    noun: "delivery",
    contradiction: CONTRADICTORY_DELIVERY,
    shared: &["store_id", "delivered_at"],
};

/// Reads deliveries.csv.
pub(crate) fn deliveries(
    directory: &Path,
    stores: &Stores,
    progress: &ProgressBar,
    sink: Sink<'_, UploadDeliveriesRequest>,
) -> Result<(), Error> {
    grouped::each_command(directory, &DELIVERY_NOTES, progress, sink, |rows, faults| delivery(rows, faults, stores))
}

fn delivery(rows: &Rows, mut faults: Vec<Fault>, stores: &Stores) -> Result<Made<UploadDeliveriesRequest>, Vec<Fault>> {
    let Some(first) = rows.rows.first().filter(|_| faults.is_empty()) else { return Err(faults) };
    let occurred_at = first.instant("delivered_at").map_err(|fault| faults.push(fault)).ok();
    let currency = stores.currency(first).map_err(|fault| faults.push(fault)).ok();
    let mut lines = Vec::with_capacity(rows.rows.len());
    for (sequence, row) in (1..).zip(&rows.rows) {
        let quantity_milli = row.quantity("quantity").map_err(|fault| faults.push(fault)).unwrap_or_default();
        let unit_cost = currency.map(|currency| row.amount("unit_cost", currency)).transpose();
        lines.push(RecordDeliveryLine {
            sequence,
            item_id: row.cell("item_id").to_owned(),
            // The file says nothing of goods that were sent back at the door.
            delivered_milli: quantity_milli,
            accepted_milli: quantity_milli,
            rejected_milli: 0,
            rejection_reason: String::new(),
            unit_cost_minor: unit_cost.map_err(|fault| faults.push(fault)).ok().flatten().unwrap_or_default(),
        });
    }
    let Some(currency) = currency.filter(|_| faults.is_empty()) else { return Err(faults) };
    let mut delivery = RecordDeliveryRequest {
        request_id: String::new(),
        occurred_at,
        store_id: first.cell("store_id").to_owned(),
        supplier_id: rows.first_key.clone(),
        document_number: rows.second_key.clone(),
        currency_code: currency.code().to_owned(),
        lines,
    };
    delivery.request_id = request_id("delivery", &delivery);
    Ok((UploadDeliveriesRequest { delivery: Some(delivery) }, Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    const HEADER: &str = "store_id,supplier_id,delivery_note,delivered_at,item_id,quantity,unit_cost\n";

    fn parsed(rows: &str) -> (Vec<RecordDeliveryRequest>, Vec<String>) {
        let directory = directory(&[("deliveries.csv", &format!("{HEADER}{rows}"))]);
        let stores = Stores::of(&[("154", "USD"), ("286", "JPY")]);
        let (commands, faults) = read(|sink| deliveries(directory.path(), &stores, &ProgressBar::hidden(), sink));
        (commands.into_iter().filter_map(|command| command.message.delivery).collect(), faults)
    }

    #[test]
    fn rows_of_a_note_are_lines_of_a_delivery() {
        let (deliveries, faults) = parsed(
            "154,69,DN-1,2017-01-02T09:00:00Z,591931,6,1.46\n\
             154,69,DN-1,2017-01-02T09:00:00Z,6534178,9.53,0.3\n\
             286,70,DN-1,2017-01-02T09:00:00Z,7,1,146\n",
        );
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(deliveries.len(), 2);
        let lines: Vec<_> = deliveries[0]
            .lines
            .iter()
            .map(|line| (line.sequence, line.item_id.as_str(), line.accepted_milli, line.unit_cost_minor))
            .collect();
        assert_eq!(lines, [(1, "591931", 6_000, 146), (2, "6534178", 9_530, 30)]);
        assert!(deliveries[0].lines.iter().all(|line| line.delivered_milli == line.accepted_milli));
        assert_eq!((deliveries[1].lines[0].unit_cost_minor, deliveries[1].currency_code.as_str()), (146, "JPY"));
    }

    #[test]
    fn a_wrong_row_keeps_its_whole_delivery_out() {
        let (deliveries, faults) = parsed(
            "154,69,DN-1,2017-01-02T09:00:00Z,1,6,1.46\n\
             154,69,DN-1,2017-01-02T09:00:00Z,2,-6,1.465\n\
             154,70,DN-2,yesterday,2,6,1\n\
             999,70,DN-3,2017-01-02T09:00:00Z,2,6,1\n\
             154,70,DN-4,2017-01-02T09:00:00Z,2,6,1\n",
        );
        assert_eq!(deliveries.len(), 1);
        assert_eq!(deliveries[0].document_number, "DN-4");
        assert_eq!(
            faults,
            [
                "deliveries.csv:3: quantity: must be a quantity above 0 with at most 3 decimals, such as 6 or 9.53, not \
                 \"-6\"",
                "deliveries.csv:3: unit_cost: must be an amount in USD, 0 or more, with at most 2 decimals, such as \
                 12.34, not \"1.465\"",
                "beside deliveries.csv:2: another row of the same delivery is not right",
                "deliveries.csv:4: delivered_at: must be an instant with Z or an offset, such as 2017-01-02T05:05:54Z, \
                 not \"yesterday\"",
                "deliveries.csv:5: store_id: must be a registered store, not \"999\": add it to stores.csv",
            ]
        );
    }

    #[test]
    fn rows_of_a_note_for_two_stores_contradict_each_other() {
        let (deliveries, faults) = parsed(
            "154,69,DN-1,2017-01-02T09:00:00Z,1,6,1\n\
             286,69,DN-1,2017-01-02T09:00:00Z,2,6,1\n",
        );
        assert!(deliveries.is_empty());
        assert_eq!(
            faults[0],
            "deliveries.csv:3: store_id: contradictory delivery: must be \"154\" in all rows of delivery_note DN-1, as in \
             line 2, not \"286\""
        );
    }
}
