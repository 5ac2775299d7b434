//! What is in the log stays as it is.

use tokio_postgres::error::SqlState;

use crate::{
    given::{catalogue, sale::Sale},
    world::in_write_side,
};

#[test]
fn the_role_of_the_service_cannot_change_or_delete_an_event() {
    in_write_side(async |world| {
        catalogue::register(&world.commands()).await;
        world.commands().sell(Sale::new("R-1").line(catalogue::BREAD, 1_000, 100).build()).await.unwrap();
        let before = world.log().await;
        let app = world.database.app().await;
        assert_eq!(app.query("SELECT position FROM events", &[]).await.unwrap().len(), before.len());
        for forbidden in [
            "UPDATE events SET payload = ''",
            "UPDATE events SET position = position + 1000",
            "DELETE FROM events",
            "DELETE FROM events WHERE position = 1",
            "TRUNCATE events",
            "DROP TABLE events",
            "ALTER TABLE events DISABLE TRIGGER ALL",
            "ALTER TABLE events DROP CONSTRAINT events_request",
            "DELETE FROM log_head",
            "INSERT INTO log_head SELECT * FROM log_head",
            "TRUNCATE log_head",
            "UPDATE suppliers SET name = 'x'",
            "UPDATE stores SET time_zone = 'UTC'",
            "DELETE FROM items",
            "DELETE FROM stock",
            "UPDATE stock_batches SET changes = 0",
            "UPDATE stock_runs SET position = 0",
            "CREATE TABLE other (id integer)",
            "SET ROLE postgres",
        ] {
            let error = app.batch_execute(forbidden).await.expect_err(forbidden);
            assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{forbidden}: {error}");
        }
        assert_eq!(world.log().await, before);
    });
}
