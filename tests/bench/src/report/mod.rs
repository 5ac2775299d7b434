//! The results: rows of figures, as tables for people or JSON for machines.

mod row;
mod table;

pub(crate) use self::{
    row::{Report, Row},
    table::write,
};
