//! Bodies that no small buffer holds.

use std::io::Read;
use std::net::TcpStream;
use std::thread;

use crate::requests::response;
use crate::stand::Cost;
use crate::stand::Stand;
use crate::stand::get;
use crate::stand::put;

const GET: &[u8] = b"GET /large HTTP/1.1\r\nHost: example.net\r\n\r\n";
pub const LARGE: usize = 64 * 1024;
const LONG: usize = 4 << 20;
const WARM_UP: u64 = 30;
const RESPONSES: u64 = 100;
const LONG_RESPONSES: u64 = 10;

#[test]
fn a_body_of_64_kb_travels_in_large_buffers() {
    let cost = cost_of(LARGE, RESPONSES);
    // Request and response heads as ever, the first 4 kB beside the head, the rest in one large piece: six. When an
    // output pauses within the body there is a piece more. In small pieces there would be 36.
    let operations_each = cost.operations() / RESPONSES;
    assert!(operations_each <= 12, "{cost:?}");
    let besides = (cost.others, cost.polls, cost.allocations, cost.kept);
    assert_eq!(besides, (0, 0, 0, 0), "{cost:?}");
    // Before each piece behind the first one look whether the client takes more.
    assert!(cost.calls / RESPONSES <= 6, "{cost:?}");
}

#[test]
fn a_long_body_travels_through_a_pipe() {
    let cost = cost_of(LONG, LONG_RESPONSES);
    // Only what came with the head, and the end of a buffer behind it, is received and sent: the request, the
    // response's head, maybe a piece that came meanwhile. Through buffers it would be 64 receives and as many sends.
    let through_buffers = (cost.recvs + cost.sends) / LONG_RESPONSES;
    assert!(through_buffers <= 12, "{cost:?}");
    assert!(cost.calls >= 2 * LONG_RESPONSES, "{cost:?}");
    assert_eq!((cost.allocations, cost.kept), (0, 0), "{cost:?}");
}

/// What `count` responses with bodies of that size cost, after some to warm up.
fn cost_of(body_bytes: usize, count: u64) -> Cost {
    cost_on(Stand::new(), body_bytes, count)
}

/// The same on a stand of its own.
pub fn cost_on(mut stand: Stand, body_bytes: usize, count: u64) -> Cost {
    let response = response(body_bytes);
    let client = stand.client();
    put(&client, GET);
    stand.await_sends(1);
    let output = stand.accept();
    respond(&mut stand, &client, &output, &response, body_bytes);
    let exchange = |stand: &mut Stand| {
        put(&client, GET);
        stand.await_sends(1);
        respond(stand, &client, &output, &response, body_bytes);
    };
    (0..WARM_UP).for_each(|_| exchange(&mut stand));
    let cost = stand.cost(|stand| (0..count).for_each(|_| exchange(stand)));
    drop(client);
    stand.await_clients(0);
    stand.finish();
    cost
}

/// The output's part and the client's, each on a thread, because neither socket holds all of it.
fn respond(
    stand: &mut Stand,
    client: &TcpStream,
    output: &TcpStream,
    response: &[u8],
    body_bytes: usize,
) {
    get(output, 0);
    thread::scope(|scope| {
        scope.spawn(|| put(output, response));
        scope.spawn(|| swallow(client, body_bytes));
        stand.await_sessions(1);
    });
}

/// Reads a response with a body of that size.
fn swallow(mut client: &TcpStream, body_bytes: usize) {
    let mut bytes = vec![0; body_bytes];
    let mut used = 0;
    let head = loop {
        used += client.read(&mut bytes[used..]).unwrap();
        if let Some(head) = bytes[..used].windows(4).position(|w| w == b"\r\n\r\n") {
            break head + 4;
        }
    };
    let rest = body_bytes - (used - head);
    client.read_exact(&mut bytes[..rest]).unwrap();
}
