//! The servers.

use super::import::{Import, MOMENTS, Progress};
use crate::{
    process::{
        deployment::{Deployment, Servers},
        server::Server,
    },
    world::run,
};

#[test]
fn postgres_is_killed_during_an_import_and_the_export_is_right() {
    run(async {
        let mut server = Server::postgres().await;
        let servers = Servers { postgres_url: server.url(), ..Servers::shared() };
        let mut import = Import::start(Deployment::start(servers).await);
        for moment in MOMENTS {
            import.until(Progress::Recorded, moment).await;
            server.kill_and_restart().await;
        }
        import.ends_well().await;
    });
}

#[test]
fn nats_is_killed_during_an_import_and_the_export_is_right() {
    run(async {
        let mut server = Server::nats().await;
        let servers = Servers { nats_url: server.url(), ..Servers::shared() };
        let mut import = Import::start(Deployment::start(servers).await);
        for moment in MOMENTS {
            import.until(Progress::Recorded, moment).await;
            server.kill_and_restart().await;
        }
        import.ends_well().await;
    });
}

#[test]
fn mongod_is_killed_during_an_import_and_the_export_is_right() {
    run(async {
        let mut server = Server::mongod().await;
        let servers = Servers { mongodb_url: server.url(), ..Servers::shared() };
        let mut import = Import::start(Deployment::start(servers).await);
        for moment in MOMENTS {
            import.until(Progress::Reported, moment).await;
            server.kill_and_restart().await;
        }
        import.ends_well().await;
    });
}
