//! The `daybook` program; everything it does is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    daybook_operator::run(std::env::args_os())
}
