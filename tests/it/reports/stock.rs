//! What is in the stores after the day.

use std::collections::BTreeMap;

use daybook::query::v1::{GetStockRequest, ListStockRequest, Stock};

use super::scenario;
use crate::{
    given::catalogue::{BERLIN, BREAD, CHEESE, FUEL, MILK, NEW_YORK, UNHEARD_OF},
    world::in_world,
};

#[test]
fn stock_is_deliveries_less_sales_and_whatever_else_moved_goods() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        let request = ListStockRequest { at_least_position: position, ..Default::default() };
        let answer = world.queries().stock.list_stock(request).await.unwrap().into_inner();
        assert_eq!(answer.next_page_token, "");
        assert!(answer.as_of.unwrap().position >= position);
        let found: BTreeMap<_, _> = answer
            .stock
            .iter()
            .map(|it| ((&*it.store_id, &*it.item_id), (&*it.unit_code, it.on_hand_milli, it.unsellable_milli)))
            .collect();
        assert_eq!(found.len(), answer.stock.len(), "each once");
        let expected = BTreeMap::from([
            ((NEW_YORK, BREAD), ("EA", 6_000, 0)),
            ((NEW_YORK, MILK), ("EA", 3_000, 0)),
            ((NEW_YORK, CHEESE), ("KGM", 4_967, 333)),
            ((NEW_YORK, FUEL), ("GLL", 990_005, 0)),
            ((NEW_YORK, UNHEARD_OF), ("EA", -2_000, 0)),
            ((BERLIN, BREAD), ("EA", -1_000, 0)),
        ]);
        assert_eq!(found, expected);
        for stock in &answer.stock {
            let (store_id, item_id) = (stock.store_id.clone(), stock.item_id.clone());
            let request = GetStockRequest { store_id, item_id, at_least_position: position };
            let one: Option<Stock> = world.queries().stock.get_stock(request).await.unwrap().into_inner().stock;
            assert_eq!(one.as_ref(), Some(stock));
        }
        let only = ListStockRequest { store_ids: vec![BERLIN.to_owned()], ..Default::default() };
        let answer = world.queries().stock.list_stock(only).await.unwrap().into_inner();
        let of_berlin: Vec<_> = answer.stock.iter().map(|it| (&*it.store_id, it.position)).collect();
        assert_eq!(of_berlin, [(BERLIN, position)]);
    });
}
