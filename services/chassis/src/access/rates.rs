//! How often a caller may call: a rate with a burst, and a quota for a day, kept by the verified caller's name.

use std::{collections::HashMap, sync::Arc, time::Duration};

use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};

use super::{
    caller::Caller,
    file::{Limit, Limits},
    refuse::Denial,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest that a message of a stream waits at once for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Counts calls by caller. Nobody is counted who is not limited.
#[derive(Debug)]
pub struct Rates {
    limits: Limits,
    own: HashMap<String, Own>,
    others: Others,
}

/// Of a caller with limits of its own.
#[derive(Debug)]
struct Own {
    rate: Option<DefaultDirectRateLimiter>,
    daily: Option<DefaultDirectRateLimiter>,
}

/// Of all others: a count for each that was verified.
#[derive(Debug)]
struct Others {
    rate: Option<DefaultKeyedRateLimiter<String>>,
    daily: Option<DefaultKeyedRateLimiter<String>>,
}

/// Counts the messages of one caller's stream.
#[derive(Clone, Debug)]
pub struct Meter {
    rates: Arc<Rates>,
    caller: Caller,
}

fn rate(limit: &Limit) -> Option<Quota> {
    let per_second = limit.per_second?;
    Some(Quota::per_second(per_second).allow_burst(limit.burst.unwrap_or(per_second)))
}

fn daily(limit: &Limit) -> Option<Quota> {
    let per_day = limit.per_day?;
    Quota::with_period(DAY / per_day.get()).map(|quota| quota.allow_burst(per_day))
}

impl Rates {
    pub(super) fn new(limits: Limits) -> Self {
        let own = limits.callers.iter().map(|(name, limit)| {
            let own = Own { rate: rate(limit).map(RateLimiter::direct), daily: daily(limit).map(RateLimiter::direct) };
            (name.clone(), own)
        });
        let own = own.collect();
        let others = Others {
            rate: rate(&limits.default).map(RateLimiter::keyed),
            daily: daily(&limits.default).map(RateLimiter::keyed),
        };
        Self { limits, own, others }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Forgets callers who have not called for so long that they may call as often as any.
    pub(super) fn forget_idle(&self) {
        for counts in [&self.others.rate, &self.others.daily].into_iter().flatten() {
            counts.retain_recent();
        }
    }

    /// Counts a call.
    ///
    /// # Errors
    /// If it is one too many.
    pub fn count(&self, caller: &Caller) -> Result<(), Denial> {
        let name = caller.identity().subject.as_str();
        if let Some(own) = self.own.get(name) {
            let refused = |limiter: &Option<DefaultDirectRateLimiter>| limiter.as_ref()?.check().err();
            return refusal(refused(&own.rate), RATE).and_then(|()| refusal(refused(&own.daily), QUOTA));
        }
        if self.others.rate.is_none() && self.others.daily.is_none() {
            return Ok(());
        }
        let name = name.to_owned();
        let refused = |limiter: &Option<DefaultKeyedRateLimiter<String>>| limiter.as_ref()?.check_key(&name).err();
        refusal(refused(&self.others.rate), RATE).and_then(|()| refusal(refused(&self.others.daily), QUOTA))
    }
}

/// Names of the limits, as refusals have them.
const RATE: &str = "per_second";
const QUOTA: &str = "per_day";

type TooEarly = governor::NotUntil<<DefaultClock as governor::clock::Clock>::Instant>;

fn refusal(refused: Option<TooEarly>, limit: &'static str) -> Result<(), Denial> {
    match refused {
        None => Ok(()),
        Some(until) => Err(Denial::TooOften { wait: until.wait_time_from(DefaultClock::default().now()), limit }),
    }
}

impl Meter {
    pub(super) fn new(rates: Arc<Rates>, caller: Caller) -> Self {
        Self { rates, caller }
    }

    /// Waits until one more message may come, so that a stream goes on as fast as its caller may call.
    ///
    /// # Errors
    /// If that would take longer than a stream may wait: the day's quota is used up.
    pub async fn next(&self) -> Result<(), Denial> {
        loop {
            match self.rates.count(&self.caller) {
                Err(Denial::TooOften { wait, .. }) if wait <= LONGEST_WAIT => tokio::time::sleep(wait).await,
                counted => return counted,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::access::caller::Identity;

    fn named(subject: &str) -> Caller {
        Caller::new(Identity { subject: subject.to_owned(), ..Identity::default() })
    }

    fn limit(per_second: u32, burst: u32, per_day: Option<u32>) -> Limit {
        Limit {
            per_second: NonZeroU32::new(per_second),
            burst: NonZeroU32::new(burst),
            per_day: per_day.and_then(NonZeroU32::new),
        }
    }

    #[test]
    fn each_caller_has_its_own_count() {
        let callers = HashMap::from([("busy".to_owned(), limit(1_000, 1_000, Some(5)))]);
        let rates = Rates::new(Limits { default: limit(1, 2, None), callers });
        for name in ["a", "b"] {
            assert_eq!((rates.count(&named(name)), rates.count(&named(name))), (Ok(()), Ok(())));
            // One more comes with each second that the test is held up.
            let denial = (0..100).find_map(|_| rates.count(&named(name)).err());
            let Some(Denial::TooOften { wait, limit }) = denial else { panic!("{name} is not limited") };
            assert!(wait <= Duration::from_secs(1) && limit == RATE, "{wait:?} {limit}");
        }
        for _ in 0..5 {
            assert_eq!(rates.count(&named("busy")), Ok(()));
        }
        let Err(Denial::TooOften { wait, limit }) = rates.count(&named("busy")) else { panic!("the quota has no end") };
        assert!(wait > Duration::from_secs(3_600) && limit == QUOTA, "{wait:?} {limit}");
    }

    #[test]
    fn without_limits_nobody_is_counted() {
        let rates = Rates::new(Limits::default());
        for _ in 0..100_000 {
            rates.count(&named("a")).unwrap();
        }
    }
}
