//! Bodies that no small buffer holds.

use std::io::Read;
use std::net::TcpStream;
use std::thread;

use crate::requests::response;
use crate::stand::Stand;
use crate::stand::get;
use crate::stand::put;

const GET: &[u8] = b"GET /large HTTP/1.1\r\nHost: example.net\r\n\r\n";
const BODY_BYTES: usize = 64 * 1024;
const WARM_UP: u64 = 20;
const RESPONSES: u64 = 100;

#[test]
fn a_body_of_64_kb_travels_in_large_buffers() {
    let large = response(BODY_BYTES);
    let mut stand = Stand::new();
    let client = stand.client();
    put(&client, GET);
    stand.await_sends(1);
    let output = stand.accept();
    respond(&mut stand, &client, &output, &large);
    let exchange = |stand: &mut Stand| {
        put(&client, GET);
        stand.await_sends(1);
        respond(stand, &client, &output, &large);
    };
    (0..WARM_UP).for_each(|_| exchange(&mut stand));
    let cost = stand.cost(|stand| (0..RESPONSES).for_each(|_| exchange(stand)));
    // Request and response heads as ever, the first 4 kB beside the head, the rest in one large piece: six. When an
    // output pauses within the body there is a piece more. In small pieces there would be 36.
    let operations_each = cost.operations() / RESPONSES;
    assert!(operations_each <= 12, "{cost:?}");
    let besides = (cost.others, cost.calls, cost.allocations, cost.kept);
    assert_eq!(besides, (0, 0, 0, 0), "{cost:?}");
    drop(client);
    stand.await_clients(0);
    stand.finish();
}

/// The output's part and the client's, each on a thread, because neither socket holds all of it.
fn respond(stand: &mut Stand, client: &TcpStream, output: &TcpStream, large: &[u8]) {
    get(output, 0);
    thread::scope(|scope| {
        scope.spawn(|| put(output, large));
        scope.spawn(|| swallow(client));
        stand.await_sessions(1);
    });
}

/// Reads a response with a body of [`BODY_BYTES`].
fn swallow(mut client: &TcpStream) {
    let mut bytes = vec![0; BODY_BYTES];
    let mut used = 0;
    let head = loop {
        used += client.read(&mut bytes[used..]).unwrap();
        if let Some(head) = bytes[..used].windows(4).position(|w| w == b"\r\n\r\n") {
            break head + 4;
        }
    };
    let rest = BODY_BYTES - (used - head);
    client.read_exact(&mut bytes[..rest]).unwrap();
}
