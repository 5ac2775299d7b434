//! Row 12: the projector is killed between its writes, and stands still while a second one goes on.
//!
//! It acknowledges nothing to NATS: what it has done is said by the checkpoint, which it writes after the documents. So
//! "between write and acknowledgement" is between documents and checkpoint.

use std::time::Duration;

use daybook_faults::{
    cluster::Part,
    proxy::trap::{Awaits, Then, Trap},
    seed,
    trial::{Setup, Trial},
};
use fastrand::Rng;

use crate::run;

/// How a write of the checkpoint begins on the wire: a text element `update` of 13 bytes.
const CHECKPOINT: &[u8] = b"\x02update\0\x0d\0\0\0daybook_meta\0";

/// How a write of documents begins.
const DOCUMENTS: &[u8] = b"\x02update\0";

/// How long a trap may wait for its message under load.
const TRAP_PATIENCE: Duration = Duration::from_secs(20);

/// How long the first projector stands still beside the second one.
const STANDS_STILL: Duration = Duration::from_secs(5);

#[test]
fn row_12_a_projector_is_killed_between_documents_and_checkpoint_and_a_stale_one_changes_nothing() {
    run(async {
        let mut trial = Trial::begin(Setup { registers: 12, ..Setup::new("row 12", 12) }).await?;
        let mut rng = Rng::with_seed(trial.seed);
        for turn in 0..6 {
            // The write arrives nowhere, or its answer does not.
            let awaited = match turn % 3 {
                0 => Awaits::Request(CHECKPOINT.to_vec()),
                1 => Awaits::Request(DOCUMENTS.to_vec()),
                _ => Awaits::Answer(b"nModified".to_vec()),
            };
            let (trap, sprung) = Trap::new(awaited, Then::Forget);
            trial.cluster.links.mongod.arm(trap);
            tokio::time::timeout(TRAP_PATIENCE, sprung).await??;
            trial.cluster.kill(Part::Projector)?;
            tokio::time::sleep(Duration::from_millis(rng.u64(0..500))).await;
            trial.cluster.start_again(Part::Projector).await?;
            trial.recovered().await?;
        }

        trial.cluster.process(Part::Projector)?.pause()?;
        trial.cluster.start_again(Part::SecondProjector).await?;
        trial.cluster.answering(Part::SecondProjector).await?;
        tokio::time::sleep(seed::lasting(STANDS_STILL)?).await;
        trial.recovered().await?;
        trial.cluster.process(Part::Projector)?.resume()?;
        trial.load.more(200).await?;
        trial.recovered().await?;
        trial.cluster.kill(Part::SecondProjector)?;
        trial.recovered().await?;
        trial.end().await.map(drop)
    });
}
