//! Daybook as it runs: its three services as processes, and what is asked of them.

mod instance;
mod port;
mod process;
mod registers;
mod upload;

pub(crate) use self::{
    instance::Instance,
    registers::Registers,
    upload::{catalogue, upload},
};
