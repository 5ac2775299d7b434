//! The figures of reports.

use crate::sum::sums;

sums! {
    /// What was sold; returns reduce only the net.
    #[derive(Copy)]
    SalesFigures {
        transactions = "t",
        lines = "l",
        quantity_milli = "q",
        gross_minor = "g",
        discount_minor = "d",
        /// gross − discounts − returns.
        net_minor = "n",
        /// Tax on what was sold; tax on returns stands with the returns.
        tax_minor = "x",
    }

    /// Sales that were taken back as a whole.
    #[derive(Copy)]
    VoidFigures {
        voids = "v",
        /// With tax.
        total_minor = "a",
    }

    /// What customers brought back.
    #[derive(Copy)]
    ReturnFigures {
        returns = "r",
        quantity_milli = "q",
        net_minor = "n",
        tax_minor = "x",
    }

    /// What suppliers delivered.
    #[derive(Copy)]
    ReceivingFigures {
        deliveries = "d",
        lines = "l",
        received_milli = "q",
        rejected_milli = "j",
        received_cost_minor = "c",
    }

    /// Counts of a store-day that are not part of its sales.
    #[derive(Copy)]
    StoreDayCounts {
        adjustments = "a",
        /// Sales whose register claimed another business date, less those that were voided.
        business_date_mismatches = "m",
        /// Lines of items that were unknown when they were sold, less those of voided sales.
        unknown_item_lines = "u",
    }

    /// A tax at one rate.
    #[derive(Copy)]
    TaxFigures {
        base_minor = "b",
        amount_minor = "a",
    }

    /// One means of payment.
    #[derive(Copy)]
    TenderFigures {
        /// Payments and refunds, less the payments of voided sales.
        count = "k",
        /// Change is taken off cash.
        received_minor = "r",
        refunded_minor = "f",
    }

    /// What was sold of one item on a store-day.
    #[derive(Copy)]
    ItemSales {
        /// Sales that hold the item and were not voided.
        transactions = "t",
        quantity_milli = "q",
        gross_minor = "g",
        discount_minor = "d",
        /// Tax on what was sold.
        tax_minor = "x",
    }

    /// What else happened to one item on a store-day.
    #[derive(Copy)]
    ItemMoves {
        quantity_returned_milli = "rq",
        returns_net_minor = "rn",
        quantity_received_milli = "iq",
        received_cost_minor = "ic",
        quantity_rejected_milli = "ij",
        /// Change of the quantity on hand.
        quantity_adjusted_milli = "aq",
    }

    /// What was sold of one category on a store-day.
    #[derive(Copy)]
    CategoryFigures {
        transactions = "t",
        lines = "l",
        quantity_sold_milli = "q",
        gross_minor = "g",
        discount_minor = "d",
        /// Tax on what was sold.
        tax_minor = "x",
        quantity_returned_milli = "rq",
        returns_net_minor = "rn",
    }

    /// A supplier's figures in one currency: of a day, an item or a store.
    #[derive(Copy)]
    SupplierFigures {
        lines_sold = "l",
        quantity_sold_milli = "q",
        gross_minor = "g",
        discount_minor = "d",
        quantity_returned_milli = "rq",
        returns_net_minor = "rn",
        deliveries = "v",
        quantity_received_milli = "iq",
        received_cost_minor = "ic",
        quantity_rejected_milli = "ij",
        /// Change of the quantity on hand.
        quantity_adjusted_milli = "aq",
    }

    /// What was sold of a supplier's items in one currency.
    #[derive(Copy)]
    SupplierSales {
        lines = "l",
        quantity_milli = "q",
        gross_minor = "g",
        discount_minor = "d",
    }

    /// What else happened to a supplier's items in one currency.
    #[derive(Copy)]
    SupplierMoves {
        quantity_returned_milli = "rq",
        returns_net_minor = "rn",
        deliveries = "v",
        quantity_received_milli = "iq",
        received_cost_minor = "ic",
        quantity_rejected_milli = "ij",
        quantity_adjusted_milli = "aq",
    }
}

impl CategoryFigures {
    /// gross − discounts − returns; `None` if it does not fit.
    #[must_use]
    pub fn net_minor(&self) -> Option<i64> {
        self.gross_minor.checked_sub(self.discount_minor)?.checked_sub(self.returns_net_minor)
    }
}

impl SupplierFigures {
    /// gross − discounts − returns; `None` if it does not fit.
    #[must_use]
    pub fn net_minor(&self) -> Option<i64> {
        self.gross_minor.checked_sub(self.discount_minor)?.checked_sub(self.returns_net_minor)
    }
}
