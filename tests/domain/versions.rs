//! Servers of other releases: with one that speaks another language nobody takes turns.

use std::time::Duration;

use halb::pair::advert::Advert;
use halb::pair::advert::PROTOCOL;
use halb::pair::state::State;

use crate::world::LB1;
use crate::world::PAIR;
use crate::world::handmade::Handmade;
use crate::world::handmade::active;
use crate::world::world;

#[test]
fn a_server_that_does_not_understand_the_active_keeps_out() {
    world(PAIR, |mut world| {
        let word = active("lb2", PROTOCOL + 2);
        let _other = Handmade::start(&world.lb2, &world.lb1, &world.key(), word);
        let clients = world.ask_always();
        world.lb1.start();
        world.lb1.says(&["event=pair", "they cannot be a pair"]);
        clients.go_on(Duration::from_secs(4));
        assert_eq!(world.lb1.held.mark(), 0, "it never had the address");
    });
}

#[test]
fn an_active_goes_on_beside_a_server_that_it_does_not_understand() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.lb1.start();
        world.lb1.serves();
        let word = Advert {
            state: State::Standby,
            holds: false,
            ..active("lb2", PROTOCOL + 2)
        };
        let _other = Handmade::start(&world.lb2, &world.lb1, &world.key(), word);
        world.lb1.says(&["event=pair", "they cannot be a pair"]);
        let mark = clients.attempts.mark();
        clients.go_on(Duration::from_secs(1));
        clients.are_served_by(LB1);
        clients.all_went_well_after(mark);
    });
}
