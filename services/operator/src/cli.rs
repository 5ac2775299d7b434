//! The command line.

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::{
    endpoints::Endpoints,
    export::ExportOptions,
    generations::{RebuildOptions, RollbackOptions},
    import::ImportOptions,
    log::LogOptions,
    metrics::MetricsEndpoints,
    output::Format,
    parked::ParkedCommand,
    report::WhichReport,
    token::TokenCommand,
    top::TopOptions,
    verify::VerifyOptions,
};

const AFTER_HELP: &str = "\
Where a service is comes from its flag, else from the environment, else from the file .daybook/env (KEY=VALUE lines) in \
the working directory or the nearest parent that has one; deploy/local.sh up writes that file.

Exit codes:
  0  done, nothing was rejected
  1  failed: a service is away or unwell, a file cannot be read or written, interrupted
  2  something was rejected, or the command line or the settings are wrong
  3  verification found a difference, or a rebuild differs from what is served";

/// Operates Daybook, the system of record for a retail chain's trading days.
#[derive(Debug, Parser)]
#[command(name = "daybook", version, after_help = AFTER_HELP, max_term_width = 120)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub endpoints: Endpoints,
    /// How the result is written to the standard output [default: table]
    #[arg(long, value_enum, global = true)]
    pub format: Option<Format>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Imports the CSV files of a directory: catalogue, deliveries and sales
    Import(ImportOptions),
    /// Exports reports and stock as CSV files
    Export(ExportOptions),
    /// Shows a report
    #[command(subcommand)]
    Report(WhichReport),
    /// Writes the event log as JSON lines, one object an event
    Log(LogOptions),
    /// Shows how far the log and the reports are and whether the services are well
    ///
    /// Exits with 0 only if the services answer SERVING. A projector whose endpoint is not known is left out. Of services
    /// whose metrics can be read it also shows how busy and how full they are.
    Status(MetricsEndpoints),
    /// Shows what the services do by the second, how full they are and how far behind the reports are, until Ctrl-C
    Top(TopOptions),
    /// Folds the log afresh and compares it with the reports and the relational tables, field by field
    Verify(VerifyOptions),
    /// Builds the reports anew from the log, beside those that are served, and switches to them
    Rebuild(RebuildOptions),
    /// Goes back to the reports that were served before the last rebuild or rollback
    Rollback(RollbackOptions),
    /// Lists, shows, folds again or discards events that could not be folded into the reports
    #[command(subcommand)]
    Parked(ParkedCommand),
    /// Issues and inspects tokens, and makes static keys
    #[command(subcommand)]
    Token(TokenCommand),
    /// Writes a completion script for a shell
    Completions {
        #[arg(value_enum)]
        shell: Shell,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_endpoint_has_two_names_and_goes_anywhere() {
        for arguments in [
            ["daybook", "--endpoint", "http://a", "status"],
            ["daybook", "status", "--endpoint", "http://a"],
            ["daybook", "status", "--command-endpoint", "http://a"],
        ] {
            let cli = Cli::try_parse_from(arguments).unwrap();
            assert_eq!(cli.endpoints.command.as_deref(), Some("http://a"));
        }
    }

    #[test]
    fn a_wrong_date_is_refused_with_what_would_be_right() {
        let error =
            Cli::try_parse_from(["daybook", "report", "store-day", "--store", "1", "--date", "2.1.17"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("is not an ISO 8601 date such as 2017-01-02"), "{error}");
    }
}
