//! The door of a process: by what transport it is reached, by whom, and how many at once.
//!
//! - `DAYBOOK_TLS_CERT_FILE`, `DAYBOOK_TLS_KEY_FILE`: certificate chain and private key, PEM; read again when they change;
//! - `DAYBOOK_TLS_CLIENT_CA_FILE`: with it, callers must show a certificate that leads to one of these roots;
//! - `DAYBOOK_ACCESS_FILE`: who may call (see [`crate::access::file`]); read again when it or a file that it names changes;
//! - `DAYBOOK_CORS_ORIGINS`: origins of web pages that may call by gRPC-Web, separated by commas, or `*`; none without it;
//! - `DAYBOOK_MAX_CONNECTIONS` (default 4,096), `DAYBOOK_MAX_CALLS` (default 4,096): at once; further ones are refused;
//! - `DAYBOOK_INSECURE` (`true`), the same as `--insecure`: serves without TLS or without an access file to others than this
//!   machine.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use http::{HeaderName, HeaderValue, Method};
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::warn;

use crate::{
    BoxError,
    access::{Access, Policy, guard::GuardLayer},
    config::Env,
    reload,
    tls::{Tls, TlsFiles},
};

const DEFAULT_CONNECTIONS: usize = 4_096;
const DEFAULT_CALLS: usize = 4_096;

/// How a process is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorConfig {
    pub tls: Option<TlsFiles>,
    pub access_file: Option<PathBuf>,
    pub origins: Vec<String>,
    pub connections: usize,
    pub calls: usize,
    pub insecure: bool,
}

impl Default for DoorConfig {
    fn default() -> Self {
        Self {
            tls: None,
            access_file: None,
            origins: Vec::new(),
            connections: DEFAULT_CONNECTIONS,
            calls: DEFAULT_CALLS,
            insecure: false,
        }
    }
}

impl DoorConfig {
    /// Reads the variables.
    pub fn read(env: &mut Env) -> Self {
        let certificate: Option<PathBuf> = env.optional("DAYBOOK_TLS_CERT_FILE");
        let key: Option<PathBuf> = env.optional("DAYBOOK_TLS_KEY_FILE");
        let client_roots: Option<PathBuf> = env.optional("DAYBOOK_TLS_CLIENT_CA_FILE");
        let tls = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key, client_roots }),
            (None, None) if client_roots.is_none() => None,
            _ => {
                env.wrong("DAYBOOK_TLS_CERT_FILE and DAYBOOK_TLS_KEY_FILE must be set together");
                None
            }
        };
        let origins: Option<String> = env.optional("DAYBOOK_CORS_ORIGINS");
        let origins = origins.unwrap_or_default();
        Self {
            tls,
            access_file: env.optional("DAYBOOK_ACCESS_FILE"),
            origins: origins.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(str::to_owned).collect(),
            connections: env.within("DAYBOOK_MAX_CONNECTIONS", DEFAULT_CONNECTIONS, 1..=1_000_000),
            calls: env.within("DAYBOOK_MAX_CALLS", DEFAULT_CALLS, 1..=1_000_000),
            insecure: env.or("DAYBOOK_INSECURE", false),
        }
    }
}

/// Takes the flag `--insecure` out of the arguments of a process; true if it was there.
pub fn take_insecure(arguments: &mut Vec<String>) -> bool {
    let before = arguments.len();
    arguments.retain(|argument| argument != "--insecure");
    arguments.len() < before
}

/// An open door.
#[derive(Clone, Debug)]
pub struct Door {
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) connections: usize,
    pub(crate) guard: GuardLayer,
    /// What web pages may do, by HTTP/1.1 as well; `None` if none may call.
    pub(crate) web: Option<CorsLayer>,
    access: Option<Arc<Access>>,
}

impl Door {
    /// Opens the door for a process that listens on an address.
    ///
    /// # Errors
    /// If a file cannot be used, or the door would stand open to other machines without `insecure`.
    pub fn open(config: &DoorConfig, address: SocketAddr, policy: &Policy) -> Result<Self, BoxError> {
        let is_shut = config.tls.is_some() && config.access_file.is_some();
        if !is_shut && !address.ip().is_loopback() && !config.insecure {
            let message = format!(
                "{address} is reached from other machines: set DAYBOOK_TLS_CERT_FILE, DAYBOOK_TLS_KEY_FILE and \
                 DAYBOOK_ACCESS_FILE, or say --insecure"
            );
            return Err(message.into());
        }
        if config.access_file.is_none() {
            warn!("callers are not verified: everybody who reaches this process may do everything");
        }
        let web = (!config.origins.is_empty()).then(|| cors(&config.origins)).transpose()?;
        let access =
            config.access_file.as_deref().map(|path| Access::open(path, policy.clone())).transpose()?.map(Arc::new);
        Ok(Self {
            tls: config.tls.clone().map(|files| Tls::open(files, web.is_some())).transpose()?.map(Arc::new),
            connections: config.connections,
            guard: GuardLayer::new(access.clone(), policy, config.calls),
            web,
            access,
        })
    }

    /// Looks after files that change, until the token is cancelled.
    ///
    /// # Errors
    /// None: what cannot be used is logged.
    pub async fn watch(self, shutdown: CancellationToken) -> Result<(), BoxError> {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(reload::INTERVAL) => {}
            }
            let door = self.clone();
            // Files are read by blocking calls.
            let refreshed = tokio::task::spawn_blocking(move || {
                door.tls.iter().for_each(|tls| tls.refresh());
                door.access.iter().for_each(|access| access.refresh());
            });
            refreshed.await?;
        }
    }
}

/// What web pages of the origins may do.
fn cors(origins: &[String]) -> Result<CorsLayer, BoxError> {
    let origin = if origins == ["*"] {
        AllowOrigin::any()
    } else {
        let values: Result<Vec<HeaderValue>, _> = origins.iter().map(|origin| origin.parse()).collect();
        AllowOrigin::list(values.map_err(|_| "DAYBOOK_CORS_ORIGINS must be origins such as https://reports.example")?)
    };
    let names = |names: &[&'static str]| names.iter().map(|name| HeaderName::from_static(name)).collect::<Vec<_>>();
    Ok(CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::POST])
        .allow_headers(names(&[
            "authorization",
            "content-type",
            "grpc-timeout",
            "traceparent",
            "x-grpc-web",
            "x-user-agent",
        ]))
        .expose_headers(names(&["grpc-status", "grpc-message", "grpc-status-details-bin"])))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn policy() -> Policy {
        Policy { methods: HashMap::new(), scopes: &[], whole: &[], kinds: &[] }
    }

    #[tokio::test]
    async fn a_door_to_other_machines_is_shut_unless_said_otherwise() {
        let (everywhere, here) = ("0.0.0.0:1".parse().unwrap(), "127.0.0.1:1".parse().unwrap());
        let open = DoorConfig::default();
        let refused = Door::open(&open, everywhere, &policy()).unwrap_err().to_string();
        assert!(refused.contains("DAYBOOK_TLS_CERT_FILE") && refused.contains("--insecure"), "{refused}");
        assert!(Door::open(&open, here, &policy()).is_ok());
        assert!(Door::open(&DoorConfig { insecure: true, ..open }, everywhere, &policy()).is_ok());
    }

    #[test]
    fn half_a_certificate_is_a_mistake() {
        let mut env = Env::of([("DAYBOOK_TLS_CERT_FILE", "a.pem"), ("DAYBOOK_CORS_ORIGINS", "https://a, https://b")]);
        let config = DoorConfig::read(&mut env);
        assert_eq!(config.origins, ["https://a", "https://b"]);
        let mistake = env.finish(Some(config)).unwrap_err().to_string();
        assert!(mistake.contains("must be set together"), "{mistake}");
    }
}
