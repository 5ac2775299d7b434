use super::{
    super::testing::{directory, read},
    *,
};

const SALES: &str = "store_id,register_id,receipt_no,sold_at,item_id,quantity,gross_amount,discount_amount\n";
const TENDERS: &str = "store_id,receipt_no,tender,amount\n";
const AT: &str = "2017-01-02T05:05:54Z";

/// Reads sales.csv and, if given, tenders.csv; `@` in a row stands for an instant.
fn parsed(rows: &str, tenders: Option<&str>) -> (Vec<RecordSaleRequest>, Vec<String>) {
    let mut files = vec![("sales.csv", format!("{SALES}{}", rows.replace('@', AT)))];
    files.extend(tenders.map(|rows| ("tenders.csv", format!("{TENDERS}{rows}"))));
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let directory = directory(&files);
    let stores = Stores::of(&[("443", "USD"), ("7", "JPY")]);
    let (commands, faults) = read(|sink| sales(directory.path(), &stores, &ProgressBar::hidden(), sink));
    (commands.into_iter().filter_map(|command| command.message.sale).collect(), faults)
}

#[test]
fn a_receipt_is_one_sale_with_its_lines_and_tenders() {
    let (sales, faults) = parsed(
        "443,3,A,@,844179,2,6.29,1.17\n443,3,A,@,6534178,9.53,20.96,0\n",
        Some("443,A,MANUFACTURER_COUPON,1.00\n443,A,CARD,25.08\n"),
    );
    assert!(faults.is_empty(), "{faults:?}");
    let [sale] = &sales[..] else { panic!("{sales:?}") };
    let lines: Vec<_> = sale
        .lines
        .iter()
        .map(|line| {
            let discounts: Vec<_> = line.discounts.iter().map(|discount| discount.amount_minor).collect();
            (line.sequence, line.item_id.as_str(), line.quantity_milli, line.gross_minor, discounts)
        })
        .collect();
    assert_eq!(lines, [(1, "844179", 2_000, 629, vec![117]), (2, "6534178", 9_530, 2_096, vec![])]);
    assert_eq!(sale.total_minor, 2_608);
    let tenders: Vec<_> = sale.tenders.iter().map(|tender| (tender.r#type(), tender.amount_minor)).collect();
    assert_eq!(tenders, [(TenderType::ManufacturerCoupon, 100), (TenderType::Card, 2_508)]);
    assert_eq!((sale.register_id.as_str(), sale.currency_code.as_str(), sale.change_minor), ("3", "USD", 0));
}

#[test]
fn without_tenders_the_way_of_payment_is_unrecorded() {
    let (sales, faults) = parsed("443,3,A,@,1,2,6.29,1.29\n443,3,B,@,1,2,6.29,6.29\n", None);
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(sales[0].tenders, [Tender { r#type: TenderType::Unrecorded.into(), amount_minor: 500 }]);
    assert!(sales[1].tenders.is_empty(), "a receipt that comes to nothing is not paid");
}

#[test]
fn what_is_sent_depends_on_the_content_alone() {
    let row = "443,3,A,@,1,2,6.29,1.29\n";
    let id = |rows: &str, tenders: Option<&str>| parsed(rows, tenders).0[0].request_id.clone();
    assert_eq!(id(row, None), id(&format!("{row}443,3,B,@,1,2,6.29,0\n"), None));
    assert_ne!(id(row, None), id(row, Some("443,A,CARD,5.00\n")));
    assert_ne!(id(row, None), id("443,3,A,@,1,3,6.29,1.29\n", None));
}

#[test]
fn payments_must_come_to_what_the_lines_do() {
    let rows = "443,3,A,@,1,1,2.00,0\n443,3,B,@,1,1,2.00,0\n443,3,C,@,1,1,2.00,2.01\n443,3,D,@,1,1,2.00,2.00\n";
    let (sales, faults) = parsed(rows, Some("443,A,CARD,1.50\n443,C,CARD,1\n"));
    assert_eq!(sales.len(), 1, "only what comes to nothing needs no payment");
    assert_eq!(
        faults,
        [
            "sales.csv:2: receipt_no: contradictory receipt: its payments (tenders.csv:2) must come to 2.00, not 1.50",
            "sales.csv:3: receipt_no: contradictory receipt: it must have payments of 2.00 in tenders.csv, not none",
            "sales.csv:4: discount_amount: must not be more than the gross amount, 2.00",
        ]
    );
}

#[test]
fn a_contradictory_receipt_is_named_and_the_others_go_in() {
    let other_time = "2017-01-02T06:00:00Z";
    let (sales, faults) = parsed(
        &format!("443,3,A,@,1,1,1,0\n443,4,A,{other_time},2,1,1,0\n443,3,A,@,3,1,1,0\n443,3,B,@,1,1,1,0\n"),
        None,
    );
    assert_eq!(sales.len(), 1);
    assert_eq!(sales[0].receipt_number, "B");
    assert_eq!(
        faults,
        [
            "sales.csv:3: register_id: contradictory receipt: must be \"3\" in all rows of receipt_no A, as in line 2, not \
             \"4\"",
            "sales.csv:3: sold_at: contradictory receipt: must be \"2017-01-02T05:05:54Z\" in all rows of receipt_no A, as \
             in line 2, not \"2017-01-02T06:00:00Z\"",
            "beside sales.csv:2: another row of the same receipt is not right",
            "beside sales.csv:4: another row of the same receipt is not right",
        ]
    );
}

#[test]
fn a_receipt_that_comes_back_does_not_go_in_by_halves() {
    let (sales, faults) = parsed("443,3,A,@,1,1,1,0\n443,3,B,@,1,1,1,0\n443,3,A,@,2,1,1,0\n7,3,A,@,2,1,1,0\n", None);
    let receipts: Vec<_> = sales.iter().map(|sale| (sale.store_id.as_str(), sale.receipt_number.as_str())).collect();
    assert_eq!(receipts, [("443", "B"), ("7", "A")]);
    let message = "receipt_no: all rows of a receipt must stand together; there are rows of receipt_no A elsewhere in the \
                   file";
    assert_eq!(faults, [format!("sales.csv:2: {message}"), format!("sales.csv:4: {message}")]);
}

#[test]
fn every_wrong_field_of_a_receipt_is_told_at_once() {
    let (sales, faults) = parsed("443,3,A,now,1,x,1.234,y\n9,3,A,@,1,1,1,0\n", Some("443,A,CARD,z\n"));
    assert!(sales.is_empty());
    let beginnings = [
        "tenders.csv:2: amount: must be an amount in USD",
        "sales.csv:2: sold_at: must be an instant",
        "sales.csv:2: quantity: must be a quantity above 0",
        "sales.csv:2: gross_amount: must be an amount in USD",
        "sales.csv:2: discount_amount: must be an amount in USD",
        "sales.csv:2: receipt_no: the receipt's payment at tenders.csv:2 is not right",
        "sales.csv:3: store_id: must be a registered store, not \"9\"",
    ];
    assert_eq!(faults.len(), beginnings.len(), "{faults:?}");
    for (fault, beginning) in faults.iter().zip(beginnings) {
        assert!(fault.starts_with(beginning), "{fault} does not begin with {beginning}");
    }
}

#[test]
fn a_torn_row_spoils_its_receipt_and_nothing_else() {
    let (sales, faults) = parsed("443,3,A,@,1,1,1,0\n443,3,A,@,2\n443,3,B,@,1,1,1,0\n443\n443,3,B,@,2,1,1,0\n", None);
    assert!(sales.is_empty());
    assert_eq!(
        faults,
        [
            "sales.csv:3: the row must have 8 fields as the header has, not 5",
            "beside sales.csv:2: another row of the same receipt is not right",
            "sales.csv:5: the row must have 8 fields as the header has, not 1",
            "sales.csv:4: receipt_no: line 5 in the middle of the receipt cannot be read and may be one of its rows",
            "beside sales.csv:6: another row of the same receipt is not right",
        ]
    );
}

#[test]
fn amounts_that_do_not_fit_together_are_named() {
    let huge = "92233720368547758.07";
    let (sales, faults) = parsed(&format!("443,3,A,@,1,1,{huge},0\n443,3,A,@,1,1,{huge},0\n"), None);
    assert!(sales.is_empty());
    assert_eq!(faults[0], "sales.csv:2: gross_amount: the sum of the receipt is too large");
}

#[test]
fn sales_stay_out_if_their_payments_cannot_be_read() {
    let directory = directory(&[
        ("sales.csv", &format!("{SALES}443,3,A,{AT},1,1,1,0\n")),
        ("tenders.csv", "store,receipt,tender,amount\n443,A,CARD,1\n"),
    ]);
    let stores = Stores::of(&[("443", "USD")]);
    let (commands, faults) = read(|sink| sales(directory.path(), &stores, &ProgressBar::hidden(), sink));
    assert!(commands.is_empty());
    assert_eq!(faults.len(), 2);
    assert!(faults[0].starts_with("tenders.csv:1: the header must have store_id,receipt_no,tender,amount ("));
    assert!(faults[1].starts_with("sales.csv:1: all sales are left out"));
}

#[test]
fn payments_without_sales_are_orphans() {
    let (_, faults) = parsed("", Some("443,A,CARD,1\n"));
    assert_eq!(faults, ["tenders.csv:2: receipt_no: must be a receipt of the same store that stands in sales.csv"]);
}
