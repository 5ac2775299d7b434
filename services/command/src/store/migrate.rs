//! Migrations, run by the owner of the tables before a new version of the service starts.

use tokio_postgres::NoTls;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Brings the tables to this version.
///
/// # Errors
/// If the database cannot be reached or a migration fails.
pub async fn migrate(owner_url: &str) -> Result<usize, daybook_chassis::BoxError> {
    let (mut client, connection) = tokio_postgres::connect(owner_url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let report = embedded::migrations::runner().run_async(&mut client).await?;
    drop(client);
    connection.await??;
    Ok(report.applied_migrations().len())
}
