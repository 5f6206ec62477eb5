//! One request after the other on a kept-alive connection: four operations, and nothing else.

use std::net::TcpStream;

use crate::stand::Cost;
use crate::stand::Stand;
use crate::stand::get;
use crate::stand::put;

/// Enough for every table and queue to have its size.
const WARM_UP: u64 = 200;
const REQUESTS: u64 = 1000;

/// The response's receive is armed when the request goes out, the next request's while the response is awaited.
/// Each turn takes at least one completion (that is what it waits for) and costs at most one enter: there are
/// never more enters than operations.
pub const SMALL_EXCHANGE: Cost = Cost {
    accepts: 0,
    connects: 0,
    recvs: 2,
    sends: 2,
    polls: 0,
    others: 0,
    enters: 4,
    calls: 0,
    allocations: 0,
    kept: 0,
};

const GET: &[u8] = b"GET /small HTTP/1.1\r\nHost: example.net\r\nUser-Agent: cost\r\n\r\n";

/// One exchange of messages that fit a segment each.
pub struct Exchange<'m> {
    pub request: &'m [u8],
    pub request_body_bytes: usize,
    pub response: &'m [u8],
    pub response_body_bytes: usize,
}

impl Exchange<'_> {
    /// Plays the client's and the output's part.
    pub fn play(&self, stand: &mut Stand, client: &TcpStream, output: &TcpStream) {
        put(client, self.request);
        stand.await_sends(1);
        get(output, self.request_body_bytes);
        put(output, self.response);
        stand.await_sessions(1);
        get(client, self.response_body_bytes);
    }

    /// The same as the first one of a connection: the output's is opened by it.
    pub fn play_first(&self, stand: &mut Stand, client: &TcpStream) -> TcpStream {
        put(client, self.request);
        stand.await_sends(1);
        let output = stand.accept();
        get(&output, self.request_body_bytes);
        put(&output, self.response);
        stand.await_sessions(1);
        get(client, self.response_body_bytes);
        output
    }

    /// What many of them cost, one after the other on the same connections.
    fn cost(&self) -> Cost {
        self.cost_on(Stand::new())
    }

    /// The same on a stand of its own.
    pub fn cost_on(&self, mut stand: Stand) -> Cost {
        let client = stand.client();
        let output = self.play_first(&mut stand, &client);
        for _ in 0..WARM_UP {
            self.play(&mut stand, &client, &output);
        }
        let cost = stand.cost(|stand| {
            for _ in 0..REQUESTS {
                self.play(stand, &client, &output);
            }
        });
        drop(client);
        stand.await_clients(0);
        stand.finish();
        cost
    }
}

/// A response with a body of `length` bytes.
pub fn response(length: usize) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    text.resize(text.len() + length, b'x');
    text
}

#[test]
fn a_small_get_costs_four_operations() {
    let exchange = Exchange {
        request: GET,
        request_body_bytes: 0,
        response: &response(128),
        response_body_bytes: 128,
    };
    exchange.cost().check(&SMALL_EXCHANGE, REQUESTS);
}

#[test]
fn a_small_body_travels_with_its_head() {
    let exchange = Exchange {
        request:
            b"POST /form HTTP/1.1\r\nHost: example.net\r\nContent-Length: 11\r\n\r\nhello=world",
        request_body_bytes: 11,
        response: &response(128),
        response_body_bytes: 128,
    };
    exchange.cost().check(&SMALL_EXCHANGE, REQUESTS);
}

#[test]
fn a_small_chunked_response_costs_no_more() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let exchange = Exchange {
        request: GET,
        request_body_bytes: 0,
        response: chunked,
        response_body_bytes: b"5\r\nhello\r\n0\r\n\r\n".len(),
    };
    exchange.cost().check(&SMALL_EXCHANGE, REQUESTS);
}

#[test]
fn a_response_without_a_body_costs_no_more() {
    let exchange = Exchange {
        request: GET,
        request_body_bytes: 0,
        response: b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
        response_body_bytes: 0,
    };
    exchange.cost().check(&SMALL_EXCHANGE, REQUESTS);
}

/// As much of a body as one receive brings, which does not fit into a small buffer beside the new head.
#[test]
fn a_body_that_fills_a_buffer_travels_with_its_head() {
    let mut request = b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n".to_vec();
    request.resize(request.len() + 4000, b'x');
    let exchange = Exchange {
        request: &request,
        request_body_bytes: 4000,
        response: &response(4000),
        response_body_bytes: 4000,
    };
    exchange.cost().check(&SMALL_EXCHANGE, REQUESTS);
}
