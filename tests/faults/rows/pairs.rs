//! Row 19: two random faults at once, again and again. `deploy/local.sh soak` does it for as long as one likes.

use std::time::Duration;

use daybook_faults::{
    seed,
    soak::{Limit, pairs},
    trial::{Setup, Trial},
};

use crate::run;

#[test]
fn row_19_two_random_faults_at_once() {
    run(async {
        let mut trial = Trial::begin(Setup::new("row 19", 19)).await?;
        let limit = Limit { time: seed::lasting(Duration::from_secs(25))?, faults: None };
        let faults = pairs(&mut trial, limit, |_, pair| println!("row 19: {pair:?}")).await?;
        println!("row 19: {faults} faults");
        trial.end().await.map(drop)
    });
}
