//! Too few buffers: who keeps one without moving gives it up, and the others go on.

use std::net::TcpStream;

use halb::http::ending::Ending;

use crate::requests::response;
use crate::stand::SMALL_BUFFERS;
use crate::stand::Stand;
use crate::stand::get;
use crate::stand::put;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: example.net\r\n\r\n";
const BODY_BYTES: usize = 100;

#[test]
fn heads_that_never_end_do_not_keep_the_buffers() {
    let mut stand = Stand::new();
    let slow: Vec<TcpStream> = (0..2 * SMALL_BUFFERS).map(|_| stand.client()).collect();
    stand.await_clients(u64::from(2 * SMALL_BUFFERS));
    for client in &slow {
        put(client, b"GET / HTTP/1.1\r\nHost:");
    }
    // More than there are buffers. After a second some give theirs up; their own timeout is a minute.
    stand.await_ending(Ending::Shed);
    let client = stand.client();
    put(&client, GET);
    stand.await_sends(1);
    let output = stand.accept();
    get(&output, 0);
    put(&output, &response(BODY_BYTES));
    stand.await_sends(1);
    get(&client, BODY_BYTES);
    drop((slow, client));
    stand.await_clients(0);
    stand.finish();
}
