//! How the load is put on: so many callers at once, or so many sales a second whatever the answers do, and turn by turn
//! with the peers.

mod closed;
mod open;
mod rounds;
mod run;
mod sell;

pub(crate) use self::{
    closed::{Caller, alone, closed},
    open::{Arrivals, open},
    rounds::{Contender, Plan, alternate},
    run::{Run, Series, metered},
    sell::{Sell, sellers},
};
