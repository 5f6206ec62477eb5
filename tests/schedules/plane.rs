//! The sources of `src/plane`, over other primitives.
#![allow(dead_code, reason = "a part of the program's sources, used in part")]

#[path = "../../src/plane/bandwidth.rs"]
pub mod bandwidth;
#[path = "../../src/plane/board.rs"]
pub mod board;
#[path = "../../src/plane/chain.rs"]
mod chain;
#[path = "../../src/plane/exchange.rs"]
pub mod exchange;
#[path = "../../src/plane/hatch.rs"]
pub mod hatch;
#[path = "../../src/plane/inbox.rs"]
pub mod inbox;
#[path = "../../src/plane/outbox.rs"]
pub mod outbox;
#[path = "../../src/plane/outputs.rs"]
pub mod outputs;
#[path = "../../src/plane/places.rs"]
pub mod places;
#[path = "../../src/plane/plans.rs"]
pub mod plans;
#[path = "../../src/plane/queue.rs"]
pub mod queue;
#[path = "../../src/plane/records.rs"]
pub mod records;
#[path = "../../src/plane/snapshot.rs"]
pub mod snapshot;
#[path = "../../src/plane/standing.rs"]
pub mod standing;
#[path = "sync.rs"]
pub mod sync;

use crate::model::output::OutputId;
use crate::model::standing::Health;
use crate::model::standing::Switch;
use crate::plane::outputs::OutputPlaces;
use crate::plane::standing::Epoch;
use crate::plane::standing::Standings;
use crate::plane::sync::waiting_for_nobody;

/// What `src/plane/mod.rs` does for control, which waits for no worker's lock.
pub fn set_health(
    standings: &Standings,
    places: &OutputPlaces,
    (output, health): (OutputId, Health),
    wake: impl FnMut(usize),
) {
    waiting_for_nobody(|| {
        if let Some(epoch) = standings.set_health(output, health) {
            places.reexamine(epoch, wake);
        }
    });
}

/// The word alone.
pub fn find_health(standings: &Standings, output: OutputId, health: Health) -> Option<Epoch> {
    standings.set_health(output, health)
}

/// The word alone.
pub fn order_switch(standings: &Standings, output: OutputId, switch: Switch) -> Option<Epoch> {
    standings.set_switch(output, switch)
}

/// As with a new plan.
pub fn advance(standings: &Standings) -> Epoch {
    standings.advance()
}
