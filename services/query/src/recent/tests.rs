//! Waiting for the log.

use std::time::Duration;

use super::*;

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_log_that_is_not_followed() {
    let recent = Recent::new();
    let soon = Instant::now() + Duration::from_secs(1);
    assert!(!recent.reaches(5, soon).await.unwrap());
    recent.followed.send_replace(Followed { position: 4, connected: true });
    let late = recent.reaches(5, soon).await.unwrap_err();
    assert!(matches!(late, QueryError::PositionNotReached { asked: 5, applied: 4 }), "{late:?}");

    let soon = Instant::now() + Duration::from_secs(1);
    let waiting = tokio::spawn({
        let recent = recent.clone();
        async move { recent.reaches(5, soon).await }
    });
    tokio::task::yield_now().await;
    recent.followed.send_replace(Followed { position: 5, connected: true });
    assert!(waiting.await.unwrap().unwrap());

    let waiting = tokio::spawn({
        let recent = recent.clone();
        async move { recent.reaches(6, soon).await }
    });
    tokio::task::yield_now().await;
    recent.followed.send_modify(|followed| followed.connected = false);
    assert!(!waiting.await.unwrap().unwrap(), "the command service went away");
}
