//! PostgreSQL is lost; a base backup and the archive of its write-ahead log bring it back to its last commit.

use std::fs;

use super::{PATIENCE, SERVICES, start, stop};
use crate::{
    given::{
        catalogue::{self, BREAD},
        commands::Commands,
        sale::Sale,
    },
    kills::cluster::{Cluster, Victim},
    world::{run, until::until_within},
};

#[test]
fn a_base_backup_and_the_archive_bring_the_write_store_back_to_its_end() {
    run(async {
        let mut cluster = Cluster::start().await;
        let directory = cluster.directory().to_owned();
        let (archive, base) = (directory.join("archive"), directory.join("base"));
        fs::create_dir(&archive).unwrap();
        cluster.give_to_postgres(&archive);
        let archive_command = format!("test ! -f {0}/%f && cp %p {0}/%f", archive.display());
        cluster.postgres_program("psql", &["-c", "ALTER SYSTEM SET archive_mode = on"]);
        let setting = format!("ALTER SYSTEM SET archive_command = '{archive_command}'");
        cluster.postgres_program("psql", &["-c", &setting]);
        cluster.kill_and_restart(Victim::Postgres).await;
        until_within(PATIENCE, "PostgreSQL is back", async || cluster.head().await).await;
        cluster.serving(Victim::Command).await;
        let endpoint = cluster.endpoints().command.expect("a URL");
        let commands = Commands::over(daybook::client::channel(&endpoint).expect("a URI"));
        catalogue::register(&commands).await;

        let target = base.display().to_string();
        cluster.postgres_program("pg_basebackup", &["--pgdata", &target, "--checkpoint=fast"]);
        let sales: Vec<_> = (1..=20).map(|n| Sale::new(&n.to_string()).line(BREAD, 1_000, 250).build()).collect();
        for sale in &sales {
            commands.sell(sale.clone()).await.expect("a sale");
        }
        let end = until_within(PATIENCE, "the log answers", async || cluster.head().await).await;
        // What an archive holds ends with the last file that was filled or switched.
        let sql = cluster.sql().await.expect("PostgreSQL answers");
        let switched = "SELECT pg_walfile_name(pg_switch_wal())";
        let file: String = sql.query_one(switched, &[]).await.expect("it switches").get(0);
        let archived = "SELECT coalesce(left(last_archived_wal, 24) >= $1, false) FROM pg_stat_archiver";
        until_within(PATIENCE, "the file is archived", async || {
            sql.query_one(archived, &[&file]).await.expect("PostgreSQL answers").get::<_, bool>(0).then_some(())
        })
        .await;

        stop(&mut cluster, &SERVICES).await;
        cluster.lose(Victim::Postgres).await;
        fs::rename(&base, directory.join("postgres")).unwrap();
        let restore = format!("\nrestore_command = 'cp {}/%f %p'\n", archive.display());
        let settings = directory.join("postgres/postgresql.auto.conf");
        fs::write(&settings, fs::read_to_string(&settings).unwrap() + &restore).unwrap();
        fs::write(directory.join("postgres/recovery.signal"), "").unwrap();
        cluster.give_to_postgres(&directory.join("postgres"));
        cluster.process(Victim::Postgres).start();
        start(&mut cluster, &SERVICES).await;
        assert_eq!(until_within(PATIENCE, "the log answers", async || cluster.head().await).await, end);
        for sale in sales {
            assert!(commands.sell(sale).await.expect("it was recorded").duplicate);
        }
    });
}
