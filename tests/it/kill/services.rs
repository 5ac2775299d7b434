//! The services, and the program that imports.

use super::import::{Import, MOMENTS, Progress};
use crate::{
    process::deployment::{Deployment, Part, Servers},
    world::run,
};

#[test]
fn command_is_killed_during_an_import_and_the_export_is_right() {
    run(async {
        let mut import = Import::start(Deployment::start(Servers::shared()).await);
        for moment in MOMENTS {
            import.until(Progress::Recorded, moment).await;
            import.deployment().kill_and_restart(Part::Command).await;
        }
        import.ends_well().await;
    });
}

#[test]
fn projector_is_killed_during_an_import_and_the_export_is_right() {
    run(async {
        let mut import = Import::start(Deployment::start(Servers::shared()).await);
        for moment in MOMENTS {
            import.until(Progress::Reported, moment).await;
            import.deployment().kill_and_restart(Part::Projector).await;
        }
        import.ends_well().await;
    });
}

#[test]
fn query_is_killed_during_an_import_and_the_export_is_right() {
    run(async {
        let mut import = Import::start(Deployment::start(Servers::shared()).await);
        for moment in MOMENTS {
            import.until(Progress::Reported, moment).await;
            import.deployment().kill_and_restart(Part::Query).await;
        }
        import.ends_well().await;
    });
}

#[test]
fn the_import_itself_is_killed_and_started_again_and_the_export_is_right() {
    run(async {
        let mut import = Import::start(Deployment::start(Servers::shared()).await);
        for moment in MOMENTS {
            import.until(Progress::Recorded, moment).await;
            import.kill_and_restart_importer();
        }
        import.ends_well().await;
    });
}
