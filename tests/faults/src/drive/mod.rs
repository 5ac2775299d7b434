//! The load of a trial: registers that send commands, readers that ask for reports, and a watch over what the services use.
//!
//! - [`register`]: one command after the other, sent again under its id until it is answered or given up;
//! - [`load`]: several registers;
//! - [`reader`]: questions, and answers that are checked later;
//! - [`recovery`]: how long it takes until all works again;
//! - [`resources`]: memory, descriptors and connections.

pub mod load;
pub mod reader;
pub mod recovery;
pub mod register;
pub mod resources;
