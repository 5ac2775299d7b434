use super::{
    super::cqrs_es::CqrsEs,
    super::limits::{
        append::{Batch, Log},
        call::BareCall,
        copy_out::copy_out,
    },
    *,
};

#[tokio::test]
async fn cqrs_es_keeps_each_sale_once() {
    let (url, world) = (postgres_url(), World::drawn(1));
    let peer = CqrsEs::open_as(&name("cqrs_es"), &url, &world).await.unwrap();
    let sales = sales(&world, 1);
    sell_all(&sales, CqrsEs::CONCURRENCY, |number| peer.sell(&sales[number])).await;
    let client = peer.database().connection().await.unwrap();
    let sql = "SELECT count(*), sum((payload->'SaleRecorded'->>'total_minor')::bigint)::bigint,
        sum(json_array_length(payload->'SaleRecorded'->'lines')) FROM events";
    let row = client.query_one(sql, &[]).await.unwrap();
    let lines: usize = sales.iter().map(|sale| sale.lines.len()).sum();
    assert_eq!(
        (row.get(0), row.get(1), row.get(2)),
        (60_i64, sales.iter().map(|sale| sale.total_minor).sum::<i64>(), i64::try_from(lines).unwrap())
    );
    peer.database().clone().discard(&url).await.unwrap();
}

#[tokio::test]
async fn the_bare_log_is_copied_out_as_it_was_appended() {
    let (url, world) = (postgres_url(), World::drawn(1));
    let log = Log::open_as(&name("log"), &url).await.unwrap();
    let sales = sales(&world, 1);
    let (one, others) = sales.split_at(1);
    assert_eq!(log.append(&Batch::of(one, &world)).await.unwrap(), 1);
    assert_eq!(log.append(&Batch::of(others, &world)).await.unwrap(), 59);
    log.append(&Batch::of(others, &world)).await.expect_err("no stream begins twice");
    let copied = copy_out(&log.database().connection().await.unwrap()).await.unwrap();
    assert_eq!(copied.events, 60);
    assert!(copied.bytes > 60 * 300, "{copied:?}");
    log.database().clone().discard(&url).await.unwrap();
}

#[tokio::test]
async fn the_bare_call_is_answered() {
    let world = World::drawn(1);
    let server = BareCall::open().await.unwrap();
    for sale in sales(&world, 1) {
        assert_eq!(server.call(sale.request(&world)).await.unwrap().position, 1);
    }
}
