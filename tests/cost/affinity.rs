//! Being tied to an output costs a look into the table, and neither an operation nor an allocation.

use halb::model::config::Mode;
use halb::model::plan::Affinity;

use crate::requests::Exchange;
use crate::requests::SMALL_EXCHANGE;
use crate::requests::response;
use crate::stand::Stand;

const REQUESTS: u64 = 1000;

fn tied(mode: Mode, name: &str) -> Stand {
    Stand::with(Affinity {
        mode,
        cookie_name: name.to_owned(),
        cookie_check_length: 10,
        ..Affinity::default()
    })
}

/// A request with cookies and a response of 128 bytes that says `lines`.
fn costs_as_much_as_without(stand: Stand, cookies: &str, lines: &str) {
    let request = format!("GET /small HTTP/1.1\r\nHost: a\r\nCookie: {cookies}\r\n\r\n");
    let mut response = response(128);
    let at = response.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    response.splice(at..at, lines.bytes());
    let exchange = Exchange {
        request: request.as_bytes(),
        request_body_bytes: 0,
        response: &response,
        response_body_bytes: 128,
    };
    exchange.cost_on(stand).check(&SMALL_EXCHANGE, REQUESTS);
}

#[test]
fn a_known_cookie_costs_no_more() {
    let stand = tied(Mode::Passive, "SID");
    costs_as_much_as_without(stand, "a=1; SID=0123456789abc; b=2", "");
}

#[test]
fn a_cookie_that_is_set_again_and_again_costs_no_more() {
    let stand = tied(Mode::Passive, "SID");
    let set = "Set-Cookie: SID=0123456789abc; Path=/\r\n";
    costs_as_much_as_without(stand, "SID=0123456789abc", set);
}

#[test]
fn a_name_put_in_front_and_taken_off_costs_no_more() {
    let stand = tied(Mode::Sync, "SID");
    let set = "Set-Cookie: SID=abc; Path=/\r\n";
    costs_as_much_as_without(stand, "a=1; SID=out1~abc", set);
}

#[test]
fn a_cookie_of_our_own_costs_no_more() {
    let stand = tied(Mode::Insert, "HALB");
    costs_as_much_as_without(stand, "a=1; HALB=out1", "");
    let stand = tied(Mode::Insert, "HALB");
    costs_as_much_as_without(stand, "a=1", "Cache-Control: public\r\n");
}

#[test]
fn a_mirror_on_another_server_costs_no_more() {
    let stand = tied(Mode::Passive, "SID").mirrored();
    costs_as_much_as_without(stand, "a=1; SID=0123456789abc; b=2", "");
    let stand = tied(Mode::Passive, "SID").mirrored();
    let set = "Set-Cookie: SID=0123456789abc; Path=/\r\n";
    costs_as_much_as_without(stand, "SID=0123456789abc", set);
}
