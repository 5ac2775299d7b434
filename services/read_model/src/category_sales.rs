//! What events sell and take back by category: one rule for the store-day's own breakdown and for the report of its own.

use daybook::event::v1::{ReturnLine, UnassignedSalesMoved};
use smallvec::SmallVec;

use crate::{
    checked,
    error::FoldError,
    figures::{CategoryFigures, SalesFigures},
    sale::Line,
    sum::{Sum as _, merge},
    text::Word,
};

/// Figures of categories, each once.
pub(crate) type ByCategory = Vec<(Word, CategoryFigures)>;

/// So many lines are sorted without memory of their own.
const USUAL_LINES: usize = 32;

/// What the lines of a sale sell.
pub(crate) fn sold(lines: &[Line]) -> Result<ByCategory, FoldError> {
    let mut lines: SmallVec<[&Line; USUAL_LINES]> = lines.iter().collect();
    lines.sort_unstable_by_key(|line| line.category.as_str());
    let mut sold = ByCategory::with_capacity(lines.len());
    for of_category in lines.chunk_by(|one, next| one.category == next.category) {
        let mut sum = CategoryFigures::default();
        for line in of_category {
            let figures = CategoryFigures {
                // A line of an item that was unknown counts as a sale of its own: so the count stays exact when it is moved.
                transactions: i64::from(line.unknown_item),
                lines: 1,
                quantity_sold_milli: checked::figure("lines.quantity_milli", line.quantity_milli)?,
                gross_minor: checked::figure("lines.gross_minor", line.gross_minor)?,
                discount_minor: checked::figure("lines.discount_minor", line.discount_minor)?,
                tax_minor: checked::figure("lines.tax_minor", line.tax_minor)?,
                ..CategoryFigures::default()
            };
            if !sum.add(&figures) {
                return Err(too_much());
            }
        }
        sum.transactions += i64::from(of_category.iter().any(|line| !line.unknown_item));
        let Some(first) = of_category.first() else { continue };
        sold.push((checked::word("lines.category", &first.category)?, sum));
    }
    Ok(sold)
}

/// What the lines of a return take back.
pub(crate) fn returned(lines: &[ReturnLine]) -> Result<ByCategory, FoldError> {
    let mut returned = Vec::with_capacity(lines.len());
    for line in lines {
        let figures = CategoryFigures {
            quantity_returned_milli: checked::figure("lines.quantity_milli", line.quantity_milli)?,
            returns_net_minor: checked::figure("lines.net_minor", line.net_minor)?,
            ..CategoryFigures::default()
        };
        returned.push((checked::key("lines.category", &line.category)?, figures));
    }
    merge(returned).ok_or_else(too_much)
}

/// From one category to another; each moved line counts there as a sale of its own, as it did where it comes from.
pub(crate) fn moved(moved: &UnassignedSalesMoved) -> Result<ByCategory, FoldError> {
    let figures = CategoryFigures {
        transactions: checked::figure("lines_sold", moved.lines_sold)?,
        lines: moved.lines_sold,
        quantity_sold_milli: checked::figure("quantity_sold_milli", moved.quantity_sold_milli)?,
        gross_minor: checked::figure("gross_minor", moved.gross_minor)?,
        discount_minor: checked::figure("discount_minor", moved.discount_minor)?,
        tax_minor: checked::figure("tax_minor", moved.tax_minor)?,
        quantity_returned_milli: checked::figure("quantity_returned_milli", moved.quantity_returned_milli)?,
        returns_net_minor: checked::figure("returns_net_minor", moved.returns_net_minor)?,
    };
    let away = (checked::key("from_category", &moved.from_category)?, figures.negated().ok_or_else(too_much)?);
    merge(vec![away, (checked::key("category", &moved.category)?, figures)]).ok_or_else(too_much)
}

/// As the store-day's breakdown has them.
pub(crate) fn of_store_day(categories: ByCategory) -> Result<Vec<(Word, SalesFigures)>, FoldError> {
    let of_one = |(category, figures): (Word, CategoryFigures)| {
        let sales = SalesFigures {
            transactions: figures.transactions,
            lines: figures.lines,
            quantity_milli: figures.quantity_sold_milli,
            gross_minor: figures.gross_minor,
            discount_minor: figures.discount_minor,
            net_minor: figures.net_minor().ok_or_else(too_much)?,
            tax_minor: figures.tax_minor,
        };
        Ok((category, sales))
    };
    categories.into_iter().map(of_one).collect()
}

fn too_much() -> FoldError {
    FoldError::overflow("the event's own sums")
}
