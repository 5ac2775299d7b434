//! The command service as a process; everything it does is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    daybook_command::program::main()
}
