//! Every command of the contract is taken, and answers where its events stand.

use daybook::{
    command::v1::{
        Accepted, BulkRegisterItemsRequest, BulkRegisterStoresRequest, BulkRegisterSuppliersRequest, ListItemsRequest,
        ListStoresRequest, ListSuppliersRequest, UploadDeliveriesRequest,
    },
    event::v1::{Disposition, GetStreamRequest, StockState},
};

use crate::{
    given::{
        answer::accepted_in,
        catalogue::{self, BAKER, BREAD, CHEESE, FARMER, NEW_YORK},
        goods::{adjustment, delivery, with_goods},
        sale::{SOLD_ON, Sale, key_of, void},
        sale_return::Return,
    },
    world::{World, in_write_side},
};

/// Checks an answer, and that the stream it names ends at its position with an event of the type.
async fn assert_stands(world: &World, accepted: &Accepted, stream: &str, business_date: &str, event_type: &str) {
    let expected = Accepted {
        position: world.head().await,
        duplicate: false,
        stream: stream.to_owned(),
        business_date: business_date.to_owned(),
        warnings: Vec::new(),
    };
    assert_eq!(*accepted, expected);
    let request = GetStreamRequest { stream: stream.to_owned(), ..Default::default() };
    let events = world.client().log.get_stream(request).await.expect("the stream is there").into_inner().events;
    assert!(
        events.iter().any(|event| event.event_type == event_type && event.position <= accepted.position),
        "{stream} holds a {event_type}"
    );
}

#[test]
fn every_single_command_is_accepted_and_says_where_it_stands() {
    in_write_side(async |world| {
        let commands = world.commands();
        let accepted = commands.register_supplier(catalogue::supplier("1")).await.unwrap();
        assert_stands(world, &accepted, "supplier/1", "", "supplier_registered").await;
        let accepted = commands.register_store(catalogue::store("2", "UTC", 0, "USD")).await.unwrap();
        assert_stands(world, &accepted, "store/2", "", "store_registered").await;
        let accepted = commands.register_item(catalogue::item("3", "1", "GROCERY", "EA", 0)).await.unwrap();
        assert_stands(world, &accepted, "item/3", "", "item_registered").await;
        catalogue::register(&commands).await;
        let goods = with_goods(delivery(BAKER, "DN-1"), BREAD, 10_000, 2_000, 120);
        let accepted = commands.deliver(goods).await.unwrap();
        assert_stands(world, &accepted, "delivery/69/DN-1", SOLD_ON, "delivery_recorded").await;
        let lost = adjustment("A-1", BREAD, 1_000, StockState::OnHand, StockState::Outside);
        let accepted = commands.adjust(lost).await.unwrap();
        assert_stands(world, &accepted, "adjustment/443/A-1", SOLD_ON, "stock_adjusted").await;
        let accepted = commands.sell(Sale::new("R-1").line(BREAD, 2_000, 500).build()).await.unwrap();
        assert_stands(world, &accepted, "sale/443/3/2017-01-02/R-1", SOLD_ON, "sale_recorded").await;
        let back = Return::new("R-2").of(key_of("R-1")).line(1, 1_000, 250, Disposition::ToStock).build();
        let accepted = commands.take_back(back).await.unwrap();
        assert_stands(world, &accepted, "return/443/3/2017-01-02/R-2", SOLD_ON, "return_recorded").await;
        let back = Return::new("R-3").item(CHEESE, 250, 199, Disposition::WriteOff).build();
        let accepted = commands.take_back(back).await.unwrap();
        assert_stands(world, &accepted, "return/443/3/2017-01-02/R-3", SOLD_ON, "return_recorded").await;
        commands.sell(Sale::new("R-4").line(CHEESE, 333, 299).build()).await.unwrap();
        let accepted = commands.void(void(key_of("R-4"))).await.unwrap();
        assert_stands(world, &accepted, "sale/443/3/2017-01-02/R-4", SOLD_ON, "sale_voided").await;
    });
}

#[test]
fn every_stream_of_commands_is_accepted_one_by_one_in_order() {
    in_write_side(async |world| {
        let client = world.client();
        let suppliers = ["1", "2"].map(|id| BulkRegisterSuppliersRequest { supplier: Some(catalogue::supplier(id)) });
        let answers = client.catalogue.clone().bulk_register_suppliers(tokio_stream::iter(suppliers)).await;
        let mut answers = answers.unwrap().into_inner();
        for stream in ["supplier/1", "supplier/2"] {
            let outcome = answers.message().await.unwrap().unwrap().outcome.unwrap();
            assert_eq!(accepted_in(outcome).stream, stream);
        }
        assert!(answers.message().await.unwrap().is_none());
        let stores = ["1", "2"]
            .map(|id| BulkRegisterStoresRequest { store: Some(catalogue::store(id, "Europe/Berlin", 0, "EUR")) });
        let mut answers =
            client.catalogue.clone().bulk_register_stores(tokio_stream::iter(stores)).await.unwrap().into_inner();
        for stream in ["store/1", "store/2"] {
            let outcome = answers.message().await.unwrap().unwrap().outcome.unwrap();
            assert_eq!(accepted_in(outcome).stream, stream);
        }
        let items =
            ["1", "2"].map(|id| BulkRegisterItemsRequest { item: Some(catalogue::item(id, "2", "GROCERY", "EA", 0)) });
        let mut answers =
            client.catalogue.clone().bulk_register_items(tokio_stream::iter(items)).await.unwrap().into_inner();
        for stream in ["item/1", "item/2"] {
            let outcome = answers.message().await.unwrap().unwrap().outcome.unwrap();
            assert_eq!(accepted_in(outcome).stream, stream);
        }
        let deliveries = ["D-1", "D-2"].map(|number| {
            let mut delivery = with_goods(delivery("1", number), "1", 5_000, 0, 99);
            delivery.store_id = "2".to_owned();
            UploadDeliveriesRequest { delivery: Some(delivery) }
        });
        let mut answers =
            client.inventory.clone().upload_deliveries(tokio_stream::iter(deliveries)).await.unwrap().into_inner();
        for stream in ["delivery/1/D-1", "delivery/1/D-2"] {
            let outcome = answers.message().await.unwrap().unwrap().outcome.unwrap();
            assert_eq!(accepted_in(outcome).stream, stream);
        }
        let sales = ["R-1", "R-2"].map(|number| Sale::new(number).in_store("1").line("2", 1_000, 100).build());
        let outcomes = world.commands().upload(sales.to_vec()).await.unwrap();
        let streams: Vec<_> = outcomes.into_iter().map(|outcome| accepted_in(outcome).stream).collect();
        assert_eq!(streams, ["sale/1/3/2017-01-02/R-1", "sale/1/3/2017-01-02/R-2"]);
        assert_eq!(world.head().await, 10, "every command is one event");
    });
}

#[test]
fn the_catalogue_is_listed_in_pages_in_order_of_the_ids() {
    in_write_side(async |world| {
        catalogue::register(&world.commands()).await;
        let mut client = world.client().catalogue;
        let (mut ids, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListItemsRequest { page_size: 3, page_token };
            let page = client.list_items(request).await.unwrap().into_inner();
            assert!(page.items.len() <= 3);
            ids.extend(page.items.into_iter().map(|item| item.item_id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(ids, ["27334", "4006381333931", "6534178", "CHEESE"]);
        let stores = client.list_stores(ListStoresRequest::default()).await.unwrap().into_inner();
        let zones: Vec<_> = stores.stores.iter().map(|store| (&*store.store_id, &*store.time_zone)).collect();
        assert_eq!(zones, [(NEW_YORK, "America/New_York"), ("B-7", "Europe/Berlin")]);
        let first = ListSuppliersRequest { page_size: 1, ..Default::default() };
        let page = client.list_suppliers(first).await.unwrap().into_inner();
        assert_eq!(page.suppliers[0].supplier_id, FARMER);
        let second = ListSuppliersRequest { page_size: 1, page_token: page.next_page_token };
        let page = client.list_suppliers(second).await.unwrap().into_inner();
        assert_eq!(page.suppliers[0].supplier_id, BAKER);
    });
}
