use std::future::Future;
use std::net::UdpSocket;

use serde_json::Value;
use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::*;
use crate::control::shared::tests::current_of;
use crate::control::shared::tests::shared_of;

/// Longer than anything here takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn within<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(PATIENCE, work).await.expect("it comes in time") })
}

fn text(mon: &str) -> String {
    format!("out1 = '10.0.0.1'\n{mon}\nmon_interval = 0.1")
}

async fn lines(listener: &TcpListener) -> tokio::io::Lines<BufReader<TcpStream>> {
    let (stream, _) = listener.accept().await.unwrap();
    BufReader::new(stream).lines()
}

async fn next(lines: &mut tokio::io::Lines<BufReader<TcpStream>>) -> Option<Value> {
    let line = lines.next_line().await.unwrap()?;
    Some(serde_json::from_str(&line).unwrap())
}

async fn any() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, format!("mon = 'tcp://{address}'"))
}

#[test]
fn a_reload_leads_elsewhere_and_turns_it_off() {
    within(async {
        let ((first, to_first), (second, to_second)) = (any().await, any().await);
        let shared = shared_of(&text(&to_first));
        tokio::spawn(run(Arc::clone(&shared)));
        let mut at_first = lines(&first).await;
        assert_eq!(next(&mut at_first).await.unwrap()["type"], "definitions");
        assert_eq!(next(&mut at_first).await.unwrap()["type"], "record");
        assert!(shared.mon.connected());
        // Something that does not concern it: the connection stays.
        shared.put_in_force(|_| Some(current_of(&format!("grace = 7\n{}", text(&to_first)))));
        assert_eq!(next(&mut at_first).await.unwrap()["type"], "record");
        shared.put_in_force(|_| Some(current_of(&text(&to_second))));
        let mut at_second = lines(&second).await;
        while next(&mut at_first).await.is_some() {}
        assert_eq!(next(&mut at_second).await.unwrap()["type"], "definitions");
        shared.put_in_force(|_| Some(current_of(&text(""))));
        while next(&mut at_second).await.is_some() {}
        assert!(!shared.mon.connected());
        assert!(shared.mon.sent() >= 2);
    });
}

/// The set of counters is other after a reload that connects out9: they are defined before the first record with them.
#[test]
fn new_counters_are_defined_on_the_same_connection() {
    within(async {
        let (listener, to) = any().await;
        let shared = shared_of(&text(&to));
        tokio::spawn(run(Arc::clone(&shared)));
        let mut at = lines(&listener).await;
        let count = |line: &Value| line["counters"].as_array().map(Vec::len);
        assert_eq!(count(&next(&mut at).await.unwrap()), Some(62));
        shared.put_in_force(|_| Some(current_of(&format!("out9 = '10.0.0.9'\n{}", text(&to)))));
        loop {
            let line = next(&mut at).await.unwrap();
            if line["type"] == "definitions" {
                assert_eq!(count(&line), Some(69));
                break;
            }
            assert!(line["values"]["out9_status"].is_null());
        }
        assert!(next(&mut at).await.unwrap()["values"]["out9_status"].is_u64());
    });
}

#[test]
fn statsd_that_nobody_hears_is_counted() {
    within(async {
        let gone = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = format!("mon = 'statsd://{}'", gone.local_addr().unwrap());
        drop(gone);
        let shared = shared_of(&text(&to));
        let said = shared.journal.more().notified();
        tokio::spawn(run(Arc::clone(&shared)));
        said.await;
        assert!(shared.mon.dropped() > 0);
        let events = shared.journal.since(0);
        assert!(
            events[0]
                .text
                .ends_with("Connection refused; counters are dropped")
        );
    });
}

/// As a name that is nobody's: it waits, and says so, and the rest of the runtime goes on.
#[test]
fn a_name_that_is_not_known_is_asked_for_again() {
    within(async {
        let seldom = "out1 = '10.0.0.1'\nmon = 'tcp://nobody.invalid:9'\nmon_interval = 3600";
        let shared = shared_of(seldom);
        let said = shared.journal.more().notified();
        tokio::spawn(run(Arc::clone(&shared)));
        said.await;
        let events = shared.journal.since(0);
        assert!(
            events[0].text.starts_with("tcp://nobody.invalid:9: "),
            "{events:?}"
        );
        assert!(events[0].text.ends_with("; counters wait"), "{events:?}");
        assert_eq!(shared.mon.dropped(), 0);
    });
}

#[test]
fn what_is_no_reason_not_to_start() {
    for mon in [
        "",
        "mon = 'tcp://nobody.invalid:9'",
        "mon = 'statsd://127.0.0.1:9'",
    ] {
        check(&current_of(&text(mon)).config).unwrap();
    }
}
