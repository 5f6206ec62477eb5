use std::collections::BTreeMap;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::thread;

use tokio::runtime::Builder;
use tokio::time::timeout;

use super::*;
use crate::control::shared::tests::current_of;
use crate::control::shared::tests::shared_of;
use crate::model::standing::Health;
use crate::model::standing::Standing;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Names are never resolved in a test that is not about them.
const NEVER: Duration = Duration::from_secs(86_400);

/// An http server that answers each request with `answer`; each head it has read is said.
fn server(answer: &'static str) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (say, heard) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                head.push(byte[0]);
            }
            // The test may be over, and so may the other end.
            let _ = stream.write_all(answer.as_bytes());
            let _ = say.send(String::from_utf8(head).unwrap());
        }
    });
    (address, heard)
}

/// A port of a test's own, where nobody listens unless the test does.
struct Port(socket2::Socket);

impl Port {
    fn new() -> Port {
        Port(Port::bound("127.0.0.1:0".parse().unwrap()))
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }

    /// Connections are accepted as long as what this gives lives.
    fn listen(&self) -> socket2::Socket {
        let socket = Port::bound(self.address());
        socket.listen(8).unwrap();
        socket
    }

    fn bound(address: SocketAddr) -> socket2::Socket {
        let domain = socket2::Domain::IPV4;
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).unwrap();
        socket.set_reuse_port(true).unwrap();
        socket.bind(&address.into()).unwrap();
        socket
    }
}

const GOOD: &str = "HTTP/1.0 200 OK\r\n\r\nALL_SERVICES_ARE_OK\n";
const BAD: &str = "HTTP/1.0 500 No\r\n\r\n";

/// A prober at work. It ends with the runtime.
struct Rig {
    shared: Arc<Shared>,
    runtime: tokio::runtime::Runtime,
    seen: u64,
}

impl Rig {
    fn new(text: &str) -> Rig {
        let nowhere = Arc::new(|_: &HostPort| Resolved::Nowhere);
        Rig::resolving(text, nowhere, NEVER)
    }

    fn resolving(text: &str, resolve: Resolve, interval: Duration) -> Rig {
        let shared = shared_of(text);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        for id in (0..OUTPUTS_MAX).filter_map(OutputId::from_index) {
            shared.plane.set_health(id, Health::Checking, |_| {});
        }
        let ours = Arc::clone(&shared);
        runtime.spawn(async move {
            let bell = ours.hub.control_bell().unwrap();
            tokio::spawn(Arc::clone(&ours).listen_for_rings(bell));
            Prober::new(ours, resolve, interval).run().await;
        });
        let seen = 0;
        Rig {
            shared,
            runtime,
            seen,
        }
    }

    /// The next `count` changes of health, by output.
    fn events(&mut self, count: usize) -> BTreeMap<String, String> {
        let mut events = BTreeMap::new();
        let wait = async {
            while events.len() < count {
                let more = self.shared.journal.more().notified();
                let mut more = std::pin::pin!(more);
                more.as_mut().enable();
                for event in self.shared.journal.since(self.seen) {
                    self.seen = event.number;
                    if matches!(event.kind, "up" | "down") {
                        events.insert(event.output.unwrap().to_string(), event.text);
                    }
                }
                if events.len() < count {
                    more.await;
                }
            }
        };
        self.runtime
            .block_on(async { timeout(PATIENCE, wait).await })
            .expect("what is waited for happens");
        events
    }

    fn event(&mut self) -> String {
        self.events(1).into_values().next().unwrap()
    }

    /// Lets the prober work until something is heard.
    fn hear(&mut self, heard: &Receiver<String>) -> String {
        let wait = async {
            loop {
                match heard.try_recv() {
                    Ok(head) => return head,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        self.runtime
            .block_on(async { timeout(PATIENCE, wait).await })
            .expect("a request comes")
    }

    fn health(&self, number: usize) -> Health {
        self.shared.plane.health(out(number))
    }

    fn suspect(&self, number: usize) {
        let page = self.shared.plane.page(0);
        page.outputs.of(out(number)).suspicions.add(1);
        self.shared.hub.ring_control();
    }
}

fn out(number: usize) -> OutputId {
    OutputId::from_index(number - 1).unwrap()
}

/// The text without the time that a probe took.
fn untimed(text: &str) -> &str {
    text.split(" after ").next().unwrap()
}

#[test]
fn four_outputs_and_the_truth_about_each() {
    let ((good, _g), (bad, _b)) = (server(GOOD), server(BAD));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = Port::new();
    let mut rig = Rig::new(&format!(
        "out1 = '{bad}'\nout2 = '{}'\nout3 = '{}'\nout4 = '{good}'\n\
         healthcheck_method = 'http_get'\nhealthcheck_url = '/health_check.php'\n\
         healthcheck_regexp = 'ALL_SERVICES_ARE_OK'\nhealthcheck_interval = 1",
        silent.local_addr().unwrap(),
        refusing.address(),
    ));
    let events = rig.events(4);
    let texts: Vec<&str> = events.values().map(|text| untimed(text)).collect();
    assert_eq!(
        texts,
        [
            "out1 down: HTTP 500 to GET /health_check.php",
            "out2 down: no answer within 1 s",
            "out3 down: connection refused",
            "out4 up: HTTP 200 to GET /health_check.php"
        ]
    );
    for (number, health) in [
        (1, Health::Down),
        (2, Health::Down),
        (3, Health::Down),
        (4, Health::Up),
    ] {
        assert_eq!(rig.health(number), health, "out{number}");
        let state = rig.shared.probes.get(out(number));
        let last = state.last.expect("it was probed");
        assert_eq!(last.ok, health == Health::Up);
        assert_eq!(state.failed > 0, health == Health::Down);
        assert_eq!(state.downs, 0, "it never was up");
    }
}

#[test]
fn a_suspicion_brings_a_probe_and_a_success_is_a_proof() {
    let (address, heard) = server(GOOD);
    let mut rig = Rig::new(&format!(
        "out1 = '{address}'\nhealthcheck_method = 'http_head'\nhealthcheck_interval = 86400"
    ));
    assert!(
        rig.event()
            .starts_with("out1 up: HTTP 200 to HEAD / after ")
    );
    rig.hear(&heard);
    assert_eq!(rig.shared.plane.proofs(out(1)), 1);
    rig.suspect(1);
    rig.hear(&heard);
    assert!(heard.try_recv().is_err(), "one suspicion, one probe");
}

#[test]
fn an_output_that_dies_and_comes_back_is_counted_and_told() {
    let port = Port::new();
    let address = port.address();
    let listener = port.listen();
    let mut rig = Rig::new(&format!(
        "out1 = '{address}'\nhealthcheck_interval = 0.1\nhealthcheck_rise = 1\nhealthcheck_fall = 3"
    ));
    assert!(rig.event().starts_with("out1 up: connected after "));
    drop(listener);
    assert_eq!(rig.event(), "out1 down: connection refused");
    let state = rig.shared.probes.get(out(1));
    assert_eq!((state.failed, state.downs), (3, 1));
    assert_eq!(rig.health(1), Health::Down);
    let _again = port.listen();
    let up = rig.event();
    assert!(up.starts_with("out1 up: connected after "), "{up}");
    assert!(up.contains("; it was down for "), "{up}");
    assert_eq!(rig.health(1), Health::Up);
}

#[test]
fn whoever_takes_the_service_looks_again_at_what_is_down() {
    let port = Port::new();
    let mut rig = Rig::new(&format!(
        "out1 = '{}'\nhealthcheck_interval = 86400\nhealthcheck_rise = 3",
        port.address()
    ));
    assert_eq!(rig.event(), "out1 down: connection refused");
    let _listener = port.listen();
    rig.shared.took_service.notify_one();
    let up = rig.event();
    assert!(up.starts_with("out1 up: connected after "), "{up}");
    assert_eq!(rig.health(1), Health::Up);
}

#[test]
fn a_reload_changes_who_is_probed_and_what_is_asked() {
    let ((one, first), (two, second)) = (server(GOOD), server(GOOD));
    let properties = "healthcheck_method = 'http_get'\nhealthcheck_interval = 86400";
    let mut rig = Rig::new(&format!("out1 = '{one}'\n{properties}"));
    rig.event();
    assert!(rig.hear(&first).starts_with("GET / "));
    // Another question: asked at once, and health stays meanwhile.
    let text = format!("out1 = '{one}'\nout2 = '{two}'\n{properties}\nhealthcheck_url = '/up'");
    rig.shared.put_in_force(|_| Some(current_of(&text)));
    assert_eq!(
        (rig.health(1), rig.health(2)),
        (Health::Up, Health::Checking)
    );
    assert!(rig.event().starts_with("out2 up: HTTP 200 to GET /up "));
    assert!(rig.hear(&first).starts_with("GET /up "));
    assert!(rig.hear(&second).starts_with("GET /up "));
    // The first one goes, the other one moves: to where nobody is.
    let refusing = Port::new();
    let text = format!(
        "out2 = '{}'\n{properties}\nhealthcheck_url = '/up'",
        refusing.address()
    );
    rig.shared.put_in_force(|_| Some(current_of(&text)));
    assert_eq!(rig.health(2), Health::Checking);
    assert_eq!(rig.event(), "out2 down: connection refused");
    rig.suspect(1);
    rig.suspect(2);
    assert!(first.try_recv().is_err() && second.try_recv().is_err());
}

/// What each name resolves to; one that is not there hangs until the end.
type Book = Arc<Mutex<BTreeMap<String, Resolved>>>;

fn resolver(book: &Book) -> (Resolve, mpsc::Sender<()>) {
    let book = Arc::clone(book);
    let (hold, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let resolve = move |name: &HostPort| {
        let known = book.lock().unwrap().get(&name.to_string()).cloned();
        known.unwrap_or_else(|| {
            let _ends = held.lock().unwrap().recv();
            Resolved::Unknown
        })
    };
    (Arc::new(resolve), hold)
}

#[test]
fn names_are_followed_and_one_that_hangs_delays_nobody() {
    let ((one, _one), (two, _two)) = (server(GOOD), server(GOOD));
    let book = Book::default();
    let write = |name: &str, resolved| {
        book.lock().unwrap().insert(name.to_owned(), resolved);
    };
    write("web:80", Resolved::Nowhere);
    let (resolve, _hold) = resolver(&book);
    let text = "out1 = 'hangs'\nout2 = 'web'\nhealthcheck_interval = 86400";
    let mut rig = Rig::resolving(text, resolve, Duration::from_millis(10));
    let events = rig.events(2);
    assert_eq!(events["out1"], "out1 down: the name hangs does not resolve");
    assert_eq!(events["out2"], "out2 down: the name web does not resolve");
    write("web:80", Resolved::To(vec![one]));
    assert!(rig.event().starts_with("out2 up: connected"));
    assert_eq!(rig.shared.current().plan.at(1).unwrap().address, Some(one));
    write("web:80", Resolved::To(vec![two]));
    assert!(rig.event().starts_with("out2 up: connected"));
    assert_eq!(rig.shared.current().plan.at(1).unwrap().address, Some(two));
    write("web:80", Resolved::Nowhere);
    assert_eq!(rig.event(), "out2 down: the name web does not resolve");
    assert_eq!(rig.health(2), Health::Down);
}

/// More suspicions than anybody could follow with probes.
#[test]
fn a_flood_of_suspicions_is_no_flood_of_probes() {
    let (address, heard) = server(GOOD);
    let mut rig = Rig::new(&format!(
        "out1 = '{address}'\nhealthcheck_method = 'http_head'\nhealthcheck_interval = 86400"
    ));
    rig.event();
    rig.hear(&heard);
    let begun = clock::read().now;
    let flood = async {
        while clock::read().now.since(begun) < Duration::from_millis(500) {
            let page = rig.shared.plane.page(0);
            page.outputs.of(out(1)).suspicions.add(1);
            rig.shared.hub.ring_control();
            tokio::task::yield_now().await;
        }
    };
    rig.runtime.block_on(flood);
    let probes = heard.try_iter().count();
    let most = clock::read().now.since(begun).as_millis() / 100 + 1;
    assert!((1..=most).contains(&(probes as u128)), "{probes} probes");
}
