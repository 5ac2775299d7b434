#![allow(clippy::unwrap_used)]
#[path = "projecting/log.rs"]
mod log;
#[path = "projecting/sales.rs"]
mod sales;
#[tokio::test(flavor = "multi_thread")]
#[ignore]
async fn hold() {
    let log = log::Log::default();
    let n: usize = std::env::var("DAYBOOK_TEST_EVENTS").unwrap().parse().unwrap();
    log.append(sales::sales(1, n));
    let a = log.serve(daybook_chassis::CancellationToken::new()).await;
    println!("ADDRESS {a}");
    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
}
