//! Repetitions: the same command, by its id or by what makes it unique, is recorded once and gets its first answer again.

use daybook::{
    event::v1::{Disposition, StockState},
    reason,
};
use futures_util::future::join_all;
use tonic::Code;

use crate::{
    given::{
        answer::{again, refused},
        catalogue::{self, BAKER, BREAD, FARMER, MILK, UNHEARD_OF},
        goods::{adjustment, delivery, with_goods},
        request_id,
        sale::{Sale, key_of, void},
        sale_return::Return,
    },
    world::in_write_side,
};

#[test]
fn a_sale_is_recorded_once_whatever_is_repeated() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        // With a warning, which belongs to the first answer too.
        let sale = Sale::new("R-1").line(BREAD, 2_000, 500).line(UNHEARD_OF, 1_000, 99).build();
        let first = commands.sell(sale.clone()).await.unwrap();
        assert_eq!((first.duplicate, first.warnings.len()), (false, 1));
        let head = world.head().await;
        assert_eq!(first.position, head);

        let same_id = commands.sell(sale.clone()).await.unwrap();
        assert_eq!(same_id, again(&first), "the same id with the same content");

        let mut other_id = sale.clone();
        other_id.request_id = request_id();
        assert_eq!(commands.sell(other_id).await.unwrap(), again(&first), "another id, the same receipt and content");

        let mut other_content = Sale::new("R-1").line(BREAD, 3_000, 750).build();
        let clash = refused(commands.sell(other_content.clone()).await);
        assert_eq!(clash.why(), (Code::AlreadyExists, reason::DUPLICATE_RECEIPT));
        assert_eq!(clash.request_id.as_deref(), Some(other_content.request_id.as_str()));

        other_content.request_id = sale.request_id.clone();
        let reused = refused(commands.sell(other_content.clone()).await);
        assert_eq!(reused.why(), (Code::AlreadyExists, reason::REQUEST_ID_REUSED), "and the same receipt");
        other_content.receipt_number = "R-2".to_owned();
        let reused = refused(commands.sell(other_content).await);
        assert_eq!(reused.why(), (Code::AlreadyExists, reason::REQUEST_ID_REUSED), "and another receipt");

        let mut other_command = void(key_of("R-1"));
        other_command.request_id = sale.request_id.clone();
        let reused = refused(commands.void(other_command).await);
        assert_eq!(reused.why(), (Code::AlreadyExists, reason::REQUEST_ID_REUSED), "of a command of another kind");

        assert_eq!(world.head().await, head, "nothing of all that was recorded");
        let beside = Sale::new("R-1").at("2017-01-03T15:00:00Z").line(BREAD, 1_000, 250).build();
        assert_eq!(commands.sell(beside).await.unwrap().position, head + 1, "the number is free on another day");
    });
}

#[test]
fn a_sale_sent_many_times_at_once_is_recorded_once() {
    in_write_side(async |world| {
        catalogue::register(&world.commands()).await;
        let head = world.head().await;
        let sale = Sale::new("R-1").line(BREAD, 1_000, 250).build();
        let sendings = (0..48).map(|nth| {
            let (commands, mut sale) = (world.commands(), sale.clone());
            if nth % 3 == 0 {
                sale.request_id = request_id();
            }
            async move { commands.sell(sale).await.unwrap() }
        });
        let answers = join_all(sendings).await;
        assert_eq!(answers.iter().filter(|answer| !answer.duplicate).count(), 1);
        assert!(answers.iter().all(|answer| answer.position == head + 1), "{answers:?}");
        assert_eq!(world.head().await, head + 1);
    });
}

#[test]
fn a_delivery_is_recorded_once_by_its_id_and_by_its_document() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        let goods = with_goods(delivery(BAKER, "DN-1"), BREAD, 5_000, 1_000, 120);
        let first = commands.deliver(goods.clone()).await.unwrap();
        assert_eq!(commands.deliver(goods.clone()).await.unwrap(), again(&first));
        let mut other_id = goods.clone();
        other_id.request_id = request_id();
        assert_eq!(commands.deliver(other_id).await.unwrap(), again(&first));
        let other_content = with_goods(delivery(BAKER, "DN-1"), BREAD, 6_000, 0, 120);
        let clash = refused(commands.deliver(other_content.clone()).await);
        assert_eq!(clash.why(), (Code::AlreadyExists, reason::DUPLICATE_DOCUMENT));
        let mut reusing = other_content;
        reusing.request_id = goods.request_id;
        let reused = refused(commands.deliver(reusing).await);
        assert_eq!(reused.why(), (Code::AlreadyExists, reason::REQUEST_ID_REUSED));
        assert_eq!(world.head().await, first.position);
        let of_another = with_goods(delivery(FARMER, "DN-1"), BREAD, 6_000, 0, 120);
        assert!(!commands.deliver(of_another).await.unwrap().duplicate, "each supplier has numbers of its own");
    });
}

#[test]
fn an_adjustment_is_recorded_once_by_its_id_and_by_its_document() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        let lost = |milli| adjustment("A-1", BREAD, milli, StockState::OnHand, StockState::Outside);
        let message = lost(1_000);
        let first = commands.adjust(message.clone()).await.unwrap();
        assert_eq!(commands.adjust(message.clone()).await.unwrap(), again(&first));
        assert_eq!(commands.adjust(lost(1_000)).await.unwrap(), again(&first));
        let clash = refused(commands.adjust(lost(2_000)).await);
        assert_eq!(clash.why(), (Code::AlreadyExists, reason::DUPLICATE_DOCUMENT));
        let mut reusing = lost(2_000);
        reusing.request_id = message.request_id;
        assert_eq!(refused(commands.adjust(reusing).await).why(), (Code::AlreadyExists, reason::REQUEST_ID_REUSED));
        assert_eq!(world.head().await, first.position);
    });
}

#[test]
fn a_registration_is_recorded_once_and_other_content_is_refused() {
    in_write_side(async |world| {
        let commands = world.commands();
        let head = catalogue::register(&commands).await;

        let same = commands.register_supplier(catalogue::supplier(BAKER)).await.unwrap();
        assert_eq!((same.position, same.duplicate, same.stream.as_str()), (1, true, "supplier/69"));
        let mut renamed = catalogue::supplier(BAKER);
        renamed.name = "Somebody else".to_owned();
        let clash = refused(commands.register_supplier(renamed.clone()).await);
        assert_eq!(clash.why(), (Code::AlreadyExists, reason::ALREADY_REGISTERED));

        let berlin = || catalogue::store(catalogue::BERLIN, "Europe/Berlin", 240, "EUR");
        assert!(commands.register_store(berlin()).await.unwrap().duplicate);
        let mut moved = berlin();
        moved.cut_off_minutes = 0;
        let clash = refused(commands.register_store(moved).await);
        assert_eq!(clash.why(), (Code::AlreadyExists, reason::ALREADY_REGISTERED));

        let milk = || catalogue::item(MILK, BAKER, catalogue::DAIRY, "EA", 0);
        assert!(commands.register_item(milk()).await.unwrap().duplicate);
        let mut of_another = milk();
        of_another.supplier_id = FARMER.to_owned();
        let clash = refused(commands.register_item(of_another).await);
        assert_eq!(clash.why(), (Code::AlreadyExists, reason::ALREADY_REGISTERED));

        // A new supplier under an id that was used: the id is what clashes.
        let fresh = catalogue::supplier("NEW");
        commands.register_supplier(fresh.clone()).await.unwrap();
        renamed.request_id = fresh.request_id.clone();
        let reused = refused(commands.register_supplier(renamed).await);
        assert_eq!(reused.why(), (Code::AlreadyExists, reason::REQUEST_ID_REUSED));
        assert_eq!(world.head().await, head + 1);
    });
}

#[test]
fn a_void_and_a_return_answer_their_repetition_as_the_first_time() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        for number in ["R-1", "R-2"] {
            commands.sell(Sale::new(number).line(BREAD, 2_000, 500).build()).await.unwrap();
        }
        let taken_back = void(key_of("R-1"));
        let first = commands.void(taken_back.clone()).await.unwrap();
        assert_eq!(commands.void(taken_back).await.unwrap(), again(&first));

        let returned = Return::new("B-1").of(key_of("R-2")).line(1, 2_000, 500, Disposition::ToStock).build();
        let first = commands.take_back(returned.clone()).await.unwrap();
        assert_eq!(first.position, world.head().await, "of the last of its two events");
        assert_eq!(commands.take_back(returned.clone()).await.unwrap(), again(&first));

        // Without a receipt of a sale nothing but its own receipt can tell a return from another.
        let found = Return::new("B-2").item(BREAD, 1_000, 250, Disposition::ToStock).build();
        let first = commands.take_back(found.clone()).await.unwrap();
        assert_eq!(commands.take_back(found.clone()).await.unwrap(), again(&first));
        let mut other_id = found;
        other_id.request_id = request_id();
        assert_eq!(commands.take_back(other_id).await.unwrap(), again(&first));
        let other_content = Return::new("B-2").item(BREAD, 1_000, 249, Disposition::ToStock).build();
        let clash = refused(commands.take_back(other_content).await);
        assert_eq!(clash.why(), (Code::AlreadyExists, reason::DUPLICATE_RECEIPT));
        assert_eq!(world.head().await, first.position);
    });
}

#[test]
fn a_return_of_a_sale_is_known_by_its_own_receipt_too() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        commands.sell(Sale::new("R-1").line(BREAD, 2_000, 500).build()).await.unwrap();
        let back = |number: &str| Return::new(number).of(key_of("R-1")).line(1, 1_000, 250, Disposition::ToStock);
        let half = commands.take_back(back("B-1").build()).await.unwrap();
        assert_eq!(commands.take_back(back("B-1").build()).await.unwrap(), again(&half), "while some of it is left");
        let rest = commands.take_back(back("B-2").build()).await.unwrap();
        assert_eq!(commands.take_back(back("B-2").build()).await.unwrap(), again(&rest), "when nothing is left");
        assert_eq!(world.head().await, rest.position);
    });
}
