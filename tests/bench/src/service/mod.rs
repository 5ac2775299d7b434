//! Daybook as it runs: its three services as processes, and what is asked of them.

mod doors;
mod instance;
mod port;
mod process;
mod registers;
mod upload;

pub(crate) use self::{
    doors::Doors,
    instance::{Instance, Setup},
    port::free as free_port,
    registers::Registers,
    upload::{catalogue, upload},
};
