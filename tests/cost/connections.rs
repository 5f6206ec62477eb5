//! Many connections, and one per request.

use std::net::TcpStream;

use crate::requests::Exchange;
use crate::requests::SMALL_EXCHANGE;
use crate::requests::response;
use crate::stand::Cost;
use crate::stand::Stand;
use crate::stand::get;
use crate::stand::put;

const GET: &[u8] = b"GET /small HTTP/1.1\r\nHost: example.net\r\n\r\n";
const CLIENTS: u64 = 16;
const WAVES: u64 = 50;

#[test]
fn requests_that_come_together_share_enters() {
    let mut stand = Stand::new();
    let clients: Vec<TcpStream> = (0..CLIENTS).map(|_| stand.client()).collect();
    clients.iter().for_each(|client| put(client, GET));
    stand.await_sends(CLIENTS);
    let outputs: Vec<TcpStream> = (0..CLIENTS).map(|_| stand.accept()).collect();
    answer(&mut stand, &clients, &outputs);
    let wave = |stand: &mut Stand| {
        clients.iter().for_each(|client| put(client, GET));
        stand.await_sends(CLIENTS);
        answer(stand, &clients, &outputs);
    };
    for _ in 0..WAVES {
        wave(&mut stand);
    }
    let cost = stand.cost(|stand| (0..WAVES).for_each(|_| wave(stand)));
    // Everybody's bytes are there before the worker turns, so a whole wave needs four enters as a single request
    // does. Twice that leaves room for a kernel thread that delivers a part of a wave late.
    let one = Cost {
        recvs: SMALL_EXCHANGE.recvs * CLIENTS,
        sends: SMALL_EXCHANGE.sends * CLIENTS,
        enters: SMALL_EXCHANGE.enters * 2,
        ..SMALL_EXCHANGE
    };
    cost.check(&one, WAVES);
    drop(clients);
    stand.await_clients(0);
    stand.finish();
}

/// The outputs' part of a wave, and the end of the clients'.
fn answer(stand: &mut Stand, clients: &[TcpStream], outputs: &[TcpStream]) {
    let small = response(128);
    for output in outputs {
        get(output, 0);
    }
    for output in outputs {
        put(output, &small);
    }
    stand.await_sessions(CLIENTS);
    for client in clients {
        get(client, 128);
    }
}

/// Beside the four operations: the first request's receive (on a kept-alive connection it was armed under the
/// request before), the close, and the cancel of the receive that watched for the client's end; one call asks for
/// the client's address. The accept stays armed, and the output's connection is reused. Close and cancel go in with
/// the next connection's first enter.
#[test]
fn a_connection_of_its_own_costs_a_receive_a_cancel_and_a_close_more() {
    const CONNECTIONS: u64 = 200;
    let exchange = Exchange {
        request: b"GET /small HTTP/1.1\r\nHost: example.net\r\nConnection: close\r\n\r\n",
        request_body_bytes: 0,
        response: &response(128),
        response_body_bytes: 128,
    };
    let mut stand = Stand::new();
    let first = stand.client();
    let output = exchange.play_first(&mut stand, &first);
    drop(first);
    let play = |stand: &mut Stand| {
        let client = stand.client();
        exchange.play(stand, &client, &output);
        stand.await_clients(0);
    };
    (0..CONNECTIONS).for_each(|_| play(&mut stand));
    let cost = stand.cost(|stand| (0..CONNECTIONS).for_each(|_| play(stand)));
    let one = Cost {
        recvs: 3,
        others: 2,
        enters: 5,
        calls: 1,
        ..SMALL_EXCHANGE
    };
    cost.check(&one, CONNECTIONS);
    stand.finish();
}
