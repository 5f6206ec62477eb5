//! A limit of bandwidth costs nothing while it is not reached, and no allocation while it is.

use halb::model::amount::Bandwidth;

use crate::bodies::LARGE;
use crate::bodies::cost_on;
use crate::requests::Exchange;
use crate::requests::SMALL_EXCHANGE;
use crate::requests::response;
use crate::stand::Stand;

const REQUESTS: u64 = 1000;
/// 6.5 MB, four times what the bucket of 250 Mbps holds.
const RESPONSES: u64 = 100;

#[test]
fn a_limit_that_is_not_reached_costs_nothing() {
    let exchange = Exchange {
        request: b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n",
        request_body_bytes: 0,
        response: &response(128),
        response_body_bytes: 128,
    };
    let stand = Stand::limited(Bandwidth::MOST);
    exchange.cost_on(stand).check(&SMALL_EXCHANGE, REQUESTS);
}

#[test]
fn waiting_for_a_ration_allocates_nothing() {
    let limit = Bandwidth::parse("250Mbps").unwrap();
    let cost = cost_on(Stand::limited(limit), LARGE, RESPONSES);
    // A send for every 15 kB, and no more.
    assert!((300..=800).contains(&cost.sends), "{cost:?}");
    let besides = (cost.others, cost.polls, cost.allocations, cost.kept);
    assert_eq!(besides, (0, 0, 0, 0), "{cost:?}");
}
