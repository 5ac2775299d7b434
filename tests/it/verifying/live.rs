//! Verification while Daybook works, and in little memory.

use std::sync::atomic::{AtomicBool, Ordering};

use daybook_operator::verify::VerifyOptions;
use futures_util::future::join;

use super::{assert_equal, verified};
use crate::{
    day::{imported, sample},
    given::{
        catalogue::{BREAD, CHEESE, MILK, UNHEARD_OF},
        sale::Sale,
    },
    reports::scenario,
    world::in_world,
};

/// Sales that go on during a verification, at least.
const SALES: u32 = 300;

#[test]
fn sales_that_come_in_meanwhile_are_no_difference() {
    in_world(async |world| {
        scenario::happen(world).await;
        let done = AtomicBool::new(false);
        let selling = async {
            let commands = world.commands();
            let mut sold = 0_u32;
            while sold < SALES || !done.load(Ordering::Relaxed) {
                let sale = Sale::new(&format!("L-{sold}")).line(BREAD, 1_000, 250).line(MILK, 1_000, 89);
                let sale =
                    if sold.is_multiple_of(2) { sale.line(CHEESE, 500, 450) } else { sale.line(UNHEARD_OF, 1_000, 99) };
                commands.sell(sale.build()).await.expect("a sale");
                sold += 1;
            }
            sold
        };
        let verifying = async {
            let mut positions = Vec::new();
            for _ in 0..10 {
                let summary = verified(world, &VerifyOptions::all()).await;
                assert_equal(&summary);
                positions.push(summary.position);
            }
            assert!(positions[0] < positions[9], "sales come in while it is verified: {positions:?}");
            done.store(true, Ordering::Relaxed);
        };
        join(selling, verifying).await;
        assert_equal(&verified(world, &VerifyOptions::all()).await);
    });
}

#[test]
fn a_whole_day_is_verified_also_in_little_memory() {
    in_world(async |world| {
        let scratch = tempfile::tempdir().unwrap();
        imported(world, &sample(), &scratch.path().join("rejects.csv")).await;
        let whole = verified(world, &VerifyOptions::all()).await;
        assert_equal(&whole);
        assert_eq!(whole.compared["store_days"].equal, 138);
        assert_eq!(whole.compared["supplier_days"].equal, 1_586);
        assert_eq!(whole.compared["stock"].equal, 28_533);
        let parts = verified(world, &VerifyOptions { memory_mib: 16, ..VerifyOptions::all() }).await;
        assert_equal(&parts);
        assert_eq!(parts.compared, whole.compared);
        let sample = verified(world, &VerifyOptions { sample: Some(20), ..VerifyOptions::all() }).await;
        assert_equal(&sample);
    });
}
