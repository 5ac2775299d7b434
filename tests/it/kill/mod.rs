//! Each process is killed several times in the middle of an import, and started again. The import goes on by itself, and
//! the export is what it would have been.

mod import;
mod servers;
mod services;
