//! What every call passes before it reaches a service: too much in hand, who calls, may he, how often.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::{Request, Response, header::AUTHORIZATION};
use nonzero_ext::nonzero;
use tokio::sync::Semaphore;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::warn;

use super::{Access, Caller, Meter, Policy, refuse::Denial};

/// Methods of the infrastructure that need no token: whoever balances load has none.
const OPEN: &str = "/grpc.health.v1.Health/";

/// Reflection needs a token of whatever scope, where callers are verified.
const REFLECTION: [&str; 2] = ["/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"];

/// Refusals that are logged in a second; all are counted.
const LOGGED_PER_SECOND: Quota = Quota::per_second(nonzero!(20_u32));

/// What calls pass.
#[derive(Clone, Debug)]
pub struct GuardLayer(Arc<Guard>);

#[derive(Debug)]
struct Guard {
    /// None where callers are not verified.
    access: Option<Arc<Access>>,
    methods: HashMap<&'static str, &'static [&'static str]>,
    /// Scopes that bound callers do not have.
    whole: &'static [&'static str],
    /// Calls in hand; of a stream, until it has begun.
    places: Arc<Semaphore>,
    log: DefaultDirectRateLimiter,
}

impl GuardLayer {
    /// Lets `calls` calls through at once.
    #[must_use]
    pub fn new(access: Option<Arc<Access>>, policy: &Policy, calls: usize) -> Self {
        Self(Arc::new(Guard {
            access,
            methods: policy.methods.clone(),
            whole: policy.whole,
            places: Arc::new(Semaphore::new(calls)),
            log: RateLimiter::direct(LOGGED_PER_SECOND),
        }))
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { guard: Arc::clone(&self.0), inner }
    }
}

/// A service behind the guard.
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    guard: Arc<Guard>,
    inner: S,
}

impl Guard {
    /// The caller, if the call may go on.
    fn admit<B>(&self, request: &Request<B>) -> Result<(Caller, Option<Meter>), (Denial, Option<Caller>)> {
        let path = request.uri().path();
        if path.starts_with(OPEN) {
            return Ok((Caller::anybody(), None));
        }
        let caller = match &self.access {
            None => Caller::anybody(),
            Some(access) => {
                let header = request.headers().get(AUTHORIZATION).map(http::HeaderValue::as_bytes);
                access.recognize(header).map_err(|denial| (denial, None))?
            }
        };
        let denied = |denial| (denial, Some(caller.clone()));
        if !REFLECTION.iter().any(|reflection| path.starts_with(reflection)) {
            let any_of = self.methods.get(path).ok_or_else(|| denied(Denial::UnknownMethod))?;
            let counts = |scope: &str| !(caller.is_bound() && self.whole.contains(&scope));
            if !any_of.iter().any(|scope| caller.has(scope) && counts(scope)) {
                return Err(denied(Denial::NoScope(any_of)));
            }
        }
        let Some(access) = &self.access else { return Ok((caller, None)) };
        let rates = access.rates();
        rates.count(&caller).map_err(denied)?;
        Ok((caller.clone(), Some(Meter::new(rates, caller))))
    }

    fn refuse(&self, denial: &Denial, caller: Option<&Caller>, path: &str) -> Response<Body> {
        if self.log.check().is_ok() {
            let subject = caller.map_or("", |caller| caller.identity().subject.as_str());
            let path: String = path.chars().take(128).collect();
            warn!(reason = denial.name(), subject, path, "a call is refused");
        }
        denial.refusal().into_status("").into_http()
    }
}

impl<S, B> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Ok(place) = Arc::clone(&self.guard.places).try_acquire_owned() else {
            let answer = self.guard.refuse(&Denial::Overloaded, None, request.uri().path());
            return Box::pin(std::future::ready(Ok(answer)));
        };
        match self.guard.admit(&request) {
            Err((denial, caller)) => {
                let answer = self.guard.refuse(&denial, caller.as_ref(), request.uri().path());
                Box::pin(std::future::ready(Ok(answer)))
            }
            Ok((caller, meter)) => {
                request.extensions_mut().insert(caller);
                if let Some(meter) = meter {
                    request.extensions_mut().insert(meter);
                }
                let answer = self.inner.call(request);
                Box::pin(async move {
                    let answer = answer.await;
                    drop(place);
                    answer
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tokio::sync::Notify;
    use tonic::Code;
    use tower::{ServiceExt as _, service_fn};

    use super::*;

    const KNOWN: &str = "/test.Service/Method";

    fn guard(calls: usize) -> GuardLayer {
        let methods = HashMap::from([(KNOWN, &["admin"][..])]);
        GuardLayer::new(None, &Policy { methods, scopes: &["admin"], whole: &["admin"], kinds: &[] }, calls)
    }

    fn request(path: &str) -> Request<Body> {
        Request::builder().uri(path).body(Body::default()).unwrap()
    }

    fn code(answer: &Response<Body>) -> Option<Code> {
        let code = answer.headers().get("grpc-status")?.as_bytes();
        Some(Code::from_bytes(code))
    }

    #[tokio::test]
    async fn a_method_that_nobody_declared_is_not_reached() {
        let inner = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::default())));
        let guarded = guard(1).layer(inner);
        let answer = guarded.clone().oneshot(request("/test.Service/Other")).await.unwrap();
        assert_eq!(code(&answer), Some(Code::Unimplemented));
        for reached in
            [KNOWN, "/grpc.health.v1.Health/Check", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"]
        {
            let answer = guarded.clone().oneshot(request(reached)).await.unwrap();
            assert_eq!(code(&answer), None, "{reached}");
        }
    }

    #[tokio::test]
    async fn one_call_too_many_at_once_is_shed_and_the_next_one_is_not() {
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, wait) = (Arc::clone(&begun), Arc::clone(&go_on));
        let inner = service_fn(move |_: Request<Body>| {
            let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
            async move {
                tell.notify_one();
                wait.notified().await;
                Ok::<_, Infallible>(Response::new(Body::default()))
            }
        });
        let guarded = guard(1).layer(inner);
        let first = tokio::spawn(guarded.clone().oneshot(request(KNOWN)));
        begun.notified().await;
        let shed = guarded.clone().oneshot(request(KNOWN)).await.unwrap();
        assert_eq!(code(&shed), Some(Code::ResourceExhausted));
        go_on.notify_one();
        assert_eq!(code(&first.await.unwrap().unwrap()), None);
        go_on.notify_one();
        assert_eq!(code(&guarded.oneshot(request(KNOWN)).await.unwrap()), None);
    }
}
