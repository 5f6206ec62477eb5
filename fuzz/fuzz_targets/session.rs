//! Whatever clients and backends do, in whatever order: the worker survives it, gives everything back, and what
//! arrives is what was sent. The world, and what is checked, is the simulator's.
#![no_main]
#![allow(dead_code, reason = "of the simulator, scripts use the half")]

#[path = "../../tests/sim/backend.rs"]
mod backend;
#[path = "../../tests/sim/client.rs"]
mod client;
#[path = "../../tests/sim/flow.rs"]
mod flow;
#[path = "../../tests/sim/handover.rs"]
mod handover;
#[path = "../../tests/sim/ledger.rs"]
mod ledger;
#[path = "../../tests/sim/lines.rs"]
mod lines;
#[path = "../../tests/sim/malformed.rs"]
mod malformed;
#[path = "../../tests/sim/message.rs"]
mod message;
#[path = "../../tests/sim/net.rs"]
mod net;
#[path = "../../tests/sim/parse.rs"]
mod parse;
#[path = "../../tests/sim/pipes.rs"]
mod pipes;
#[path = "../../tests/sim/port.rs"]
mod port;
#[path = "../../tests/sim/profile.rs"]
mod profile;
#[path = "../../tests/sim/random.rs"]
mod random;
#[path = "../../tests/sim/ring.rs"]
mod ring;
#[path = "../../tests/sim/run.rs"]
mod run;
#[path = "../../tests/sim/scarcity.rs"]
mod scarcity;
#[path = "../../tests/sim/script.rs"]
mod script;
#[path = "../../tests/sim/switches.rs"]
mod switches;
#[path = "../../tests/sim/ties.rs"]
mod ties;
#[path = "../../tests/sim/truth.rs"]
mod truth;
#[path = "../../tests/sim/tunnel.rs"]
mod tunnel;
#[path = "../../tests/sim/world.rs"]
mod world;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let played = script::attempt(bytes, false);
    assert!(played.is_ok(), "{played:?}");
});
