//! Switches and health: who reads an epoch reads the words that belong to it.

use std::sync::Arc;

use loom::thread;

use crate::model::output::OutputId;
use crate::model::standing::Health;
use crate::model::standing::Switch;
use crate::plane::find_health;
use crate::plane::order_switch;
use crate::plane::standing::Standings;
use crate::try_all_orders;

#[test]
fn a_new_epoch_brings_its_words() {
    try_all_orders(2, || {
        let output = OutputId::from_index(0).unwrap();
        let standings = Arc::new(Standings::new(1));
        let start = standings.epoch();
        let ordered = Arc::clone(&standings);
        let orders =
            thread::spawn(move || order_switch(&ordered, output, Switch::Disabled).unwrap());
        let probed = Arc::clone(&standings);
        let probes = thread::spawn(move || find_health(&probed, output, Health::Down).unwrap());
        let epoch = standings.epoch();
        let (switch, health) = (standings.switch(output), standings.health(output));
        let (switched, found) = (orders.join().unwrap(), probes.join().unwrap());
        assert_ne!(switched, found, "each change has its own");
        assert!(switched > start && found > start);
        assert!(epoch < switched || switch == Switch::Disabled);
        assert!(epoch < found || health == Health::Down);
    });
}
