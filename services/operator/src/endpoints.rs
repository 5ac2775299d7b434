//! Where the services are: from flags, then the environment, then the nearest `.daybook/env`.

use std::{env, path::PathBuf};

use daybook::client::{self, CommandClient, Credentials, Link, QueryClient};

use crate::{
    env_file,
    error::{Error, Service},
};

/// Where the services are; what is not known is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Endpoints {
    /// Where the command service is, for example http://127.0.0.1:7401: takes imports and answers the log
    #[arg(
        long = "endpoint",
        visible_alias = "command-endpoint",
        env = "DAYBOOK_COMMAND_ENDPOINT",
        value_name = "URL",
        global = true,
        help_heading = "Services"
    )]
    pub command: Option<String>,
    /// Where the query service is: answers reports and exports
    #[arg(
        long = "query-endpoint",
        env = "DAYBOOK_QUERY_ENDPOINT",
        value_name = "URL",
        global = true,
        help_heading = "Services"
    )]
    pub query: Option<String>,
    /// Where the projector is: rebuilds the reports
    #[arg(
        long = "projector-endpoint",
        env = "DAYBOOK_PROJECTOR_ENDPOINT",
        value_name = "URL",
        global = true,
        help_heading = "Services"
    )]
    pub projector: Option<String>,
    #[command(flatten)]
    pub credentials: CredentialFiles,
}

/// What is shown to the services, and whom of them is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct CredentialFiles {
    /// A file with a token or a key for the services
    #[arg(long, env = "DAYBOOK_TOKEN_FILE", value_name = "FILE", global = true, help_heading = "Services")]
    pub token_file: Option<PathBuf>,
    /// Roots that the certificates of the services must lead to, PEM; without it, those of the system
    #[arg(long, env = "DAYBOOK_CA_FILE", value_name = "FILE", global = true, help_heading = "Services")]
    pub ca_file: Option<PathBuf>,
    /// A certificate to show to services that ask for one, PEM
    #[arg(long, env = "DAYBOOK_CLIENT_CERT_FILE", value_name = "FILE", global = true, help_heading = "Services")]
    pub client_cert_file: Option<PathBuf>,
    /// The private key of that certificate, PEM
    #[arg(long, env = "DAYBOOK_CLIENT_KEY_FILE", value_name = "FILE", global = true, help_heading = "Services")]
    pub client_key_file: Option<PathBuf>,
}

impl Endpoints {
    /// Fills in from the nearest `.daybook/env` what flags and environment left open.
    ///
    /// # Errors
    /// If that file cannot be read or is malformed.
    pub fn resolve(&self) -> Result<Self, Error> {
        // A variable that is set to nothing says as much as one that is not set.
        let known = |endpoint: &Option<String>| endpoint.clone().filter(|url| !url.is_empty());
        let given = |file: &Option<PathBuf>| file.clone().filter(|path| !path.as_os_str().is_empty());
        let mut resolved = Self {
            command: known(&self.command),
            query: known(&self.query),
            projector: known(&self.projector),
            credentials: CredentialFiles {
                token_file: given(&self.credentials.token_file),
                ca_file: given(&self.credentials.ca_file),
                client_cert_file: given(&self.credentials.client_cert_file),
                client_key_file: given(&self.credentials.client_key_file),
            },
        };
        if [&resolved.command, &resolved.query, &resolved.projector].iter().all(|endpoint| endpoint.is_some()) {
            return Ok(resolved);
        }
        let start = env::current_dir().map_err(|cause| Error::io("cannot find the working directory", cause))?;
        let mut settings = env_file::nearest(&start)?;
        for (service, endpoint) in [
            (Service::Command, &mut resolved.command),
            (Service::Query, &mut resolved.query),
            (Service::Projector, &mut resolved.projector),
        ] {
            if endpoint.is_none() {
                *endpoint = settings.remove(variable(service)).filter(|value| !value.is_empty());
            }
        }
        for (name, file) in [
            ("DAYBOOK_TOKEN_FILE", &mut resolved.credentials.token_file),
            ("DAYBOOK_CA_FILE", &mut resolved.credentials.ca_file),
            ("DAYBOOK_CLIENT_CERT_FILE", &mut resolved.credentials.client_cert_file),
            ("DAYBOOK_CLIENT_KEY_FILE", &mut resolved.credentials.client_key_file),
        ] {
            if file.is_none() {
                *file = settings.remove(name).filter(|value| !value.is_empty()).map(PathBuf::from);
            }
        }
        Ok(resolved)
    }

    /// The endpoint of a service, if it is known.
    #[must_use]
    pub fn of(&self, service: Service) -> Option<&str> {
        match service {
            Service::Command => self.command.as_deref(),
            Service::Query => self.query.as_deref(),
            Service::Projector => self.projector.as_deref(),
        }
    }

    /// Clients of the command service. They connect when they are first used.
    ///
    /// # Errors
    /// If the endpoint is not known or not a URL.
    pub fn command_client(&self) -> Result<CommandClient, Error> {
        self.channel(Service::Command).map(CommandClient::new)
    }

    /// Clients of the query service. They connect when they are first used.
    ///
    /// # Errors
    /// If the endpoint is not known or not a URL.
    pub fn query_client(&self) -> Result<QueryClient, Error> {
        self.channel(Service::Query).map(QueryClient::new)
    }

    pub(crate) fn channel(&self, service: Service) -> Result<Link, Error> {
        let Some(endpoint) = self.of(service) else {
            let flag =
                if service == Service::Command { "--endpoint".to_owned() } else { format!("--{service}-endpoint") };
            return Err(Error::Usage(format!(
                "it is not known where the {service} service is: give {flag} URL, set {}, or run below a directory \
                 with a .daybook/env (deploy/local.sh up writes one)",
                variable(service)
            )));
        };
        let url = with_scheme(endpoint);
        let credentials = Credentials {
            ca_file: self.credentials.ca_file.clone(),
            token_file: self.credentials.token_file.clone(),
            certificate_file: self.credentials.client_cert_file.clone(),
            key_file: self.credentials.client_key_file.clone(),
        };
        client::link(&url, &credentials).map_err(|error| match error {
            client::EndpointError::NoUrl(_) => {
                Error::Usage(format!("{endpoint:?} is not a URL such as http://127.0.0.1:7401"))
            }
            other => Error::Usage(other.to_string()),
        })
    }
}

fn variable(service: Service) -> &'static str {
    match service {
        Service::Command => "DAYBOOK_COMMAND_ENDPOINT",
        Service::Query => "DAYBOOK_QUERY_ENDPOINT",
        Service::Projector => "DAYBOOK_PROJECTOR_ENDPOINT",
    }
}

/// `127.0.0.1:7401` is taken as `http://127.0.0.1:7401`.
fn with_scheme(endpoint: &str) -> String {
    if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_endpoint_says_how_to_give_it() {
        let error = Endpoints::default().command_client().unwrap_err();
        let text = error.to_string();
        assert!(text.contains("--endpoint URL") && text.contains("DAYBOOK_COMMAND_ENDPOINT"), "{text}");
        assert_eq!(error.exit_code(), 2);
        let error = Endpoints::default().query_client().unwrap_err();
        assert!(error.to_string().contains("--query-endpoint URL"));
    }

    #[tokio::test]
    async fn a_scheme_may_be_left_out_but_nonsense_is_named() {
        let given = |endpoint: &str| Endpoints { command: Some(endpoint.to_owned()), ..Endpoints::default() };
        assert!(given("127.0.0.1:7401").command_client().is_ok());
        assert!(given("http://[::1]:7401").command_client().is_ok());
        let error = given("no url at all").command_client().unwrap_err();
        assert!(error.to_string().contains("is not a URL such as"), "{error}");
    }
}
