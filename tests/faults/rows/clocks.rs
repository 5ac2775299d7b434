//! Row 18: clocks of registers go wrong by up to an hour, around the instants at which stores change theirs.

use std::time::Duration;

use daybook_faults::{
    cluster::Part,
    seed,
    shop::calendar::Calendar,
    trial::{Setup, Trial},
};

use crate::run;

#[test]
fn row_18_wrong_clocks_and_changing_clocks_change_neither_order_nor_dates() {
    run(async {
        // Readers ask for other days.
        let mut setup = Setup { registers: 16, readers: 0, ..Setup::new("row 18", 18) };
        setup.habits.calendar = Calendar::changing_clocks();
        let mut trial = Trial::begin(setup).await?;
        for _ in 0..3 {
            tokio::time::sleep(seed::lasting(Duration::from_secs(2))?).await;
            for service in [Part::Command, Part::Projector] {
                trial.cluster.kill(service)?;
                trial.cluster.start_again(service).await?;
            }
            trial.recovered().await?;
        }
        // Each business date is found once more in the check, from the zone and the cut-off alone.
        trial.end().await.map(drop)
    });
}
