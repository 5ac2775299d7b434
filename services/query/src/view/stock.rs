//! Stock as it is answered.

pub(crate) use daybook_read_model::answer::stock::entry as stock;
