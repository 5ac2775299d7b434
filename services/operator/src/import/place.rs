//! Where in the files the fields are that a service finds fault with.

use daybook::command::v1::{FieldViolation, Rejection};

use super::{
    deliveries,
    fault::{Fault, Refused},
    row::Row,
    source::Origin,
    tenders,
};

/// The rows of a command that the service rejected, with what it says of each.
pub(crate) fn refused(origin: &Origin, rejection: &Rejection) -> Option<Refused> {
    let first = origin.rows.first()?;
    let mut faults: Vec<Fault> =
        rejection.violations.iter().map(|violation| violated(origin, first, violation)).collect();
    if faults.is_empty() {
        faults.push(first.fault("", &rejection.reason, rejection.message.clone()));
    }
    let file = first.columns.file;
    let at_fault: Vec<u64> = faults.iter().filter(|fault| fault.file == file).map(|fault| fault.line).collect();
    let beside = origin.rows.iter().filter(|row| !at_fault.contains(&row.line));
    faults.extend(beside.map(|row| row.beside("rejected with the other rows of the same receipt or delivery")));
    Some(Refused::rows(file, faults))
}

/// A field of a command as `file:line: column`.
pub(crate) fn told(origin: &Origin, path: &str) -> String {
    let Some(first) = origin.rows.first() else { return path.to_owned() };
    let place = Place::of(path);
    match place.tender_row(origin) {
        Some((line, _)) => format!("{}:{line}: {}", tenders::LAYOUT.file, place.column(tenders::LAYOUT.file)),
        None => {
            let row = place.row(origin).unwrap_or(first);
            format!("{}:{}: {}", row.columns.file, row.line, place.column(row.columns.file))
        }
    }
}

fn violated(origin: &Origin, first: &Row, violation: &FieldViolation) -> Fault {
    let FieldViolation { field, reason, description } = violation;
    let place = Place::of(field);
    match place.tender_row(origin) {
        Some((line, text)) => Fault {
            file: tenders::LAYOUT.file,
            line,
            row: text.to_owned(),
            ..first.fault(place.column(tenders::LAYOUT.file), reason, description.clone())
        },
        None => {
            let row = place.row(origin).unwrap_or(first);
            row.fault(place.column(row.columns.file), reason, description.clone())
        }
    }
}

/// A path into a command, such as `lines[3].discounts[0].amount_minor`, taken apart.
struct Place<'a> {
    path: &'a str,
    line: Option<usize>,
    tender: Option<usize>,
}

impl<'a> Place<'a> {
    fn of(path: &'a str) -> Self {
        Self { path, line: index(path, "lines"), tender: index(path, "tenders") }
    }

    fn row<'o>(&self, origin: &'o Origin) -> Option<&'o Row> {
        self.line.and_then(|line| origin.rows.get(line))
    }

    /// Line and text of the tender; of the first one if all of them are meant.
    fn tender_row<'o>(&self, origin: &'o Origin) -> Option<(u64, &'o str)> {
        let index = self.tender.or_else(|| (self.last() == "tenders").then_some(0))?;
        origin.tenders.get(index).map(|tender| (tender.line, tender.text.as_str()))
    }

    /// The last name of the path, without its index.
    fn last(&self) -> &'a str {
        let last = self.path.rsplit('.').next().unwrap_or(self.path);
        last.split('[').next().unwrap_or(last)
    }

    /// The column of the file in which the field stands; the field's own name if it has the same or none.
    fn column(&self, file: &str) -> &'a str {
        if self.path.contains("discounts") {
            return "discount_amount";
        }
        let is_delivery = file == deliveries::LAYOUT.file;
        match self.last() {
            "quantity_milli" | "delivered_milli" | "accepted_milli" | "rejected_milli" => "quantity",
            "unit_cost_minor" => "unit_cost",
            "gross_minor" | "total_minor" => "gross_amount",
            "amount_minor" | "tenders" => "amount",
            "type" => "tender",
            "receipt_number" => "receipt_no",
            "document_number" => "delivery_note",
            "occurred_at" if is_delivery => "delivered_at",
            "occurred_at" => "sold_at",
            "category" => "department",
            "unit_code" | "decimals" => "uom",
            "cut_off_minutes" => "day_cut_off",
            "currency_code" => "currency",
            same => same,
        }
    }
}

/// The index behind a name in a path: 3 for `lines` in `lines[3].item_id`.
fn index(path: &str, name: &str) -> Option<usize> {
    let segment = path.split('.').find(|segment| segment.split('[').next() == Some(name))?;
    segment.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{sales, source::TenderLine, testing::row},
        *,
    };

    fn origin() -> Origin {
        let header = sales::LAYOUT.required.join(",");
        let line = |line| row(&sales::LAYOUT, &header, line, &format!("443,3,A,now,{line},1,1,0"));
        let tenders = vec![TenderLine { line: 40, text: "443,A,CARD,1.00".to_owned() }];
        Origin { rows: vec![line(7), line(8), line(9)], tenders }
    }

    fn violation(field: &str) -> FieldViolation {
        FieldViolation { field: field.to_owned(), reason: "SOME".to_owned(), description: "must be right".to_owned() }
    }

    #[test]
    fn a_field_of_a_command_is_found_in_its_file() {
        for (path, place) in [
            ("lines[2].quantity_milli", "sales.csv:9: quantity"),
            ("lines[1].discounts[0].amount_minor", "sales.csv:8: discount_amount"),
            ("lines[0].item_id", "sales.csv:7: item_id"),
            ("lines[99].item_id", "sales.csv:7: item_id"),
            ("occurred_at", "sales.csv:7: sold_at"),
            ("receipt_number", "sales.csv:7: receipt_no"),
            ("total_minor", "sales.csv:7: gross_amount"),
            ("tenders[0].amount_minor", "tenders.csv:40: amount"),
            ("tenders", "tenders.csv:40: amount"),
            ("sale.lines[1].item_id", "sales.csv:8: item_id"),
        ] {
            assert_eq!(told(&origin(), path), place, "{path}");
        }
    }

    #[test]
    fn a_rejection_names_every_row_of_the_receipt() {
        let violations = vec![violation("lines[1].quantity_milli"), violation("tenders[0].amount_minor")];
        let rejection = Rejection { reason: "INVALID_REQUEST".to_owned(), violations, ..Rejection::default() };
        let refused = refused(&origin(), &rejection).unwrap();
        let told: Vec<_> = refused.faults.iter().map(|fault| (fault.to_string(), fault.beside)).collect();
        let beside = "rejected with the other rows of the same receipt or delivery";
        assert_eq!(
            told,
            [
                ("sales.csv:8: quantity: must be right".to_owned(), false),
                ("tenders.csv:40: amount: must be right".to_owned(), false),
                (format!("sales.csv:7: {beside}"), true),
                (format!("sales.csv:9: {beside}"), true),
            ]
        );
        assert_eq!(refused.faults[1].row, "443,A,CARD,1.00");
    }

    #[test]
    fn a_rejection_without_fields_stands_at_the_first_row() {
        let message = "another sale has this receipt number".to_owned();
        let rejection = Rejection { reason: "DUPLICATE_RECEIPT".to_owned(), message, ..Rejection::default() };
        let refused = refused(&origin(), &rejection).unwrap();
        assert_eq!(refused.faults[0].to_string(), "sales.csv:7: another sale has this receipt number");
        assert_eq!(&*refused.faults[0].reason, "DUPLICATE_RECEIPT");
        assert_eq!(refused.faults.len(), 3);
    }
}
