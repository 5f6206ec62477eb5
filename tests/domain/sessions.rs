//! What the standby knows when it takes over.

use std::net::IpAddr;
use std::time::Duration;

use crate::world::LB1;
use crate::world::LB2;
use crate::world::Layout;
use crate::world::PAIR;
use crate::world::SERVICE;
use crate::world::clients::visit_all;
use crate::world::world;

const SESSIONS: usize = 10_000;

#[test]
fn ten_thousand_learned_sessions_keep_their_outputs() {
    let layout = Layout {
        properties: "mode = \"passive\"\ncookie_name = \"SID\"",
        ..PAIR
    };
    world(layout, |mut world| {
        let clients = world.ask_always();
        world.up();
        clients.are_served_by(LB1);
        let names = (0..SESSIONS).map(|number| format!("S{number:09}"));
        let names: Vec<String> = names.collect();
        let learns = names
            .iter()
            .map(|name| (format!("/learn/{name}"), String::new()));
        let before = visit_all(&world.client, SERVICE, learns.collect());
        // The mirror may be 100 ms behind.
        clients.go_on(Duration::from_millis(200));
        world.lb1.kill();
        clients.are_served_by(LB2);
        let comes = names
            .iter()
            .map(|name| ("/".to_owned(), format!("SID={name}")));
        let after = visit_all(&world.client, SERVICE, comes.collect());
        let pairs = before.iter().zip(&after);
        let moved: Vec<(&IpAddr, &IpAddr)> = pairs.filter(|(old, new)| old != new).collect();
        assert!(
            moved.is_empty(),
            "{} of {SESSIONS} went elsewhere",
            moved.len()
        );
    });
}
