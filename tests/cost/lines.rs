//! The access log costs the data plane neither an operation nor a call nor an allocation, also when nobody takes what it
//! is to say.

use crate::requests::Exchange;
use crate::requests::SMALL_EXCHANGE;
use crate::requests::response;
use crate::stand::Stand;

const REQUESTS: u64 = 1000;

const GET: &[u8] =
    b"GET /small?with=a&query=b HTTP/1.1\r\nHost: example.net\r\nUser-Agent: cost\r\n\
    Referer: http://example.net/\r\n\r\n";

#[test]
fn a_line_costs_no_more() {
    let exchange = Exchange {
        request: GET,
        request_body_bytes: 0,
        response: &response(128),
        response_body_bytes: 128,
    };
    exchange
        .cost_on(Stand::logged())
        .check(&SMALL_EXCHANGE, REQUESTS);
}

#[test]
fn a_line_that_nobody_takes_costs_no_more() {
    let (target, agent) = ("t".repeat(900), "a".repeat(600));
    let request = format!("GET /{target} HTTP/1.1\r\nHost: a\r\nUser-Agent: {agent}\r\n\r\n");
    let exchange = Exchange {
        request: request.as_bytes(),
        request_body_bytes: 0,
        response: &response(128),
        response_body_bytes: 128,
    };
    let mut stand = Stand::logged();
    let client = stand.client();
    let output = exchange.play_first(&mut stand, &client);
    while stand.lines_dropped() == 0 {
        exchange.play(&mut stand, &client, &output);
    }
    let before = stand.lines_dropped();
    let cost = stand.cost(|stand| {
        for _ in 0..REQUESTS {
            exchange.play(stand, &client, &output);
        }
    });
    assert_eq!(stand.lines_dropped() - before, REQUESTS);
    cost.check(&SMALL_EXCHANGE, REQUESTS);
    drop(client);
    stand.await_clients(0);
    stand.finish();
}
