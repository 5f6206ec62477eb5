use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::Weak;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use socket2::Domain;
use socket2::Socket;
use socket2::Type;
use tokio::runtime::Builder;

use super::*;
use crate::control::reload::parts::Terminal;
use crate::control::serve::door;
use crate::control::shared::Limits;
use crate::control::shared::tests::current_of;
use crate::control::state::tests::Scratch;
use crate::model::load::sample;
use crate::model::standing::Standing;
use crate::model::standing::Switch;
use crate::plane::Plane;
use crate::ring::inbox::Hub;

const TEXT: &str = "in = '127.0.0.1:0'\nout1 = '10.0.0.1'\nout2 = '10.0.0.2'\nout3 = '10.0.0.3'";

/// A reloader whose file is a text, and whose one part counts how often it was carried out.
struct Rig {
    reloader: Reloader,
    shared: Arc<Shared>,
    text: Arc<Held<String>>,
    carried_out: Arc<AtomicUsize>,
}

struct Counting(Arc<AtomicUsize>);

impl Part for Counting {
    fn prepare(&self, _before: &Config, _next: &Config) -> Result<Option<Commit>, String> {
        let count = Arc::clone(&self.0);
        Ok(Some(Box::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        })))
    }
}

fn load_text(text: &str) -> Result<Loaded, Vec<String>> {
    let loaded = sample::load_text(text, b"");
    loaded.map_err(|refused| refused.mistakes.iter().map(|m| m.to_string()).collect())
}

/// No worker is there, so that none is waited for.
fn rig(folder: Option<Arc<Folder>>) -> Rig {
    let mut current = current_of(TEXT);
    let mut plan = (*current.plan).clone();
    plan.listen = vec!["127.0.0.1:4711".parse().unwrap()];
    current.plan = Arc::new(plan);
    let (plane, hub) = (Arc::new(Plane::new(0, 10)), Arc::new(Hub::new(0).unwrap()));
    let shared = Arc::new(Shared::new(plane, hub, current, Limits::default()));
    let text = Arc::new(Held::new(TEXT.to_owned()));
    let source = Arc::clone(&text);
    let carried_out = Arc::new(AtomicUsize::new(0));
    let (ctl, _) = door();
    let terminal = Terminal {
        properties: "ctl, ctl_port",
        address: control::ctl_address,
        door: ctl,
    };
    let reloader = Reloader::new(Setup {
        shared: Arc::clone(&shared),
        source: Arc::new(move || load_text(&source.lock().unwrap())),
        orders: Arc::new(Orders::new(Arc::clone(&shared), folder.clone(), &[])),
        parts: vec![
            Box::new(Counting(Arc::clone(&carried_out))),
            Box::new(terminal),
        ],
        notifier: Arc::new(Notifier::nobody()),
        maximum: Maximum {
            plain: 10,
            learning: 5,
        },
        folder,
    });
    Rig {
        reloader,
        shared,
        text,
        carried_out,
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

impl Rig {
    /// Reloads with this text in the file.
    fn reload(&self, text: &str) -> Reloaded {
        text.clone_into(&mut self.text.lock().unwrap());
        run(self.reloader.reload())
    }

    fn done(&self, text: &str) -> String {
        match self.reload(text) {
            Reloaded::Done(report) => report.sentence(),
            other => panic!("{other:?}"),
        }
    }

    fn refused(&self, text: &str) -> Vec<String> {
        let before = self.shared.current();
        match self.reload(text) {
            Reloaded::Refused(lines) => {
                assert!(
                    Arc::ptr_eq(&before, &self.shared.current()),
                    "nothing is changed"
                );
                assert_eq!(self.carried_out.load(Ordering::Relaxed), 0);
                lines
            }
            other => panic!("{other:?}"),
        }
    }

    fn last_event(&self) -> String {
        let events = self.shared.journal.since(0);
        let event = events.last().unwrap();
        assert_eq!(event.kind, "reload");
        event.text.clone()
    }
}

fn id(number: usize) -> OutputId {
    OutputId::from_index(number - 1).unwrap()
}

#[test]
fn what_changed_is_in_force_and_said() {
    let rig = rig(None);
    let text = "in = '127.0.0.1:0'\nout1 = '10.0.0.1'\nout3 = '10.0.0.9'\nout4 = '10.0.0.4'\n\
                client_timeout = 30\nworkers = 7";
    let said = rig.done(text);
    let expected = "out2 removed, out3 now 10.0.0.9:80, out4 added (10.0.0.4:80), \
                    client_timeout 60 → 30; needs a restart: workers (one per core that the process \
                    may use) → 7";
    assert_eq!(said, expected);
    assert_eq!(rig.last_event(), expected);
    assert_eq!(rig.carried_out.load(Ordering::Relaxed), 1);
    let current = rig.shared.current();
    assert_eq!(current.config.workers, None, "it keeps its old value");
    assert_eq!(current.plan.client_timeout, Some(Duration::from_secs(30)));
    let told = |output: &crate::model::plan::PlannedOutput| (output.id.number(), output.born);
    let told: Vec<_> = current.plan.outputs.iter().map(told).collect();
    assert_eq!(told, [(1, 0), (3, 1), (4, 1)]);
    let listen = "127.0.0.1:4711".parse().unwrap();
    assert_eq!(
        current.plan.listen,
        [listen],
        "the port that the kernel chose stays"
    );
}

#[test]
fn what_changes_nothing_says_so_and_makes_no_plan() {
    let rig = rig(None);
    assert_eq!(rig.done(TEXT), "nothing changed");
    assert_eq!(rig.last_event(), "nothing changed");
    assert_eq!(rig.shared.current().plan.number, 0);
    let said = rig.done(&format!("{TEXT}\nworkers = 2"));
    assert!(said.starts_with("nothing changed; needs a restart: workers "));
    assert_eq!(rig.shared.current().plan.number, 0);
    assert_eq!(
        rig.carried_out.load(Ordering::Relaxed),
        2,
        "a log is reopened all the same"
    );
}

#[test]
fn mistakes_are_all_listed_and_change_nothing() {
    let rig = rig(None);
    let lines = rig.refused(&format!("{TEXT}\nmode = 'fast'\nout4 = 'a b'\ncolour = 3"));
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("f:5:8: "), "{}", lines[0]);
    let event = rig.last_event();
    assert!(event.starts_with("refused, nothing is changed: f:5:8: "));
    assert!(lines.iter().all(|line| event.contains(line.as_str())));
}

#[test]
fn what_cannot_be_opened_changes_nothing() {
    let rig = rig(None);
    let first = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = first.local_addr().unwrap();
    let input = format!("in = ['127.0.0.1:0', '{taken}']\nout1 = '10.0.0.9'");
    let cannot = format!("cannot listen on {taken} (in): another program listens there");
    assert_eq!(rig.refused(&input), std::slice::from_ref(&cannot));
    let second = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = second.local_addr().unwrap();
    let both = format!("{input}\nctl_port = {}", other.port());
    let terminal =
        format!("cannot listen on {other} (ctl, ctl_port): another program listens there");
    assert_eq!(rig.refused(&both), [terminal, cannot]);
}

#[test]
fn new_inputs_are_held_and_old_ones_stay() {
    let rig = rig(None);
    let text = "in = ['127.0.0.1:0', '127.0.0.1:0', '[::1]:0']\nout1 = '10.0.0.1'";
    rig.done(text);
    let listen = rig.shared.current().plan.listen.clone();
    assert_eq!(listen[0].port(), 4711);
    assert_eq!(listen.len(), 3);
    assert!(listen.iter().all(|address| address.port() != 0));
    let bind = || Socket::new(Domain::IPV4, Type::STREAM, None)?.bind(&listen[1].into());
    let error = bind().unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::AddrInUse,
        "held until workers are there"
    );
    rig.done("in = ['[::1]:0', '127.0.0.1:0']\nout1 = '10.0.0.1'");
    assert_eq!(rig.shared.current().plan.listen, [listen[2], listen[0]]);
    bind().unwrap();
}

#[test]
fn orders_stay_with_the_outputs_they_were_given_for() {
    let scratch = Scratch::new();
    let folder = Arc::new(Folder::open(&scratch.0).unwrap());
    let rig = rig(Some(folder));
    let plane = &rig.shared.plane;
    for number in 1..=3 {
        let target = crate::control::ctl::query::Target::Channel(format!("out{number}"));
        let orders = &rig.reloader.setup.orders;
        run(orders.set(&target, Switch::Disabled)).unwrap();
    }
    rig.done("in = '127.0.0.1:0'\nout1 = { address = '10.0.0.1', weight = 2 }\nout2 = '10.0.0.9'");
    let switches: Vec<Switch> = (1..=3).map(|number| plane.switch(id(number))).collect();
    assert_eq!(
        switches,
        [Switch::Disabled, Switch::Enabled, Switch::Enabled]
    );
    assert_eq!(
        plane.health(id(3)),
        Health::Down,
        "nobody waits for one that is gone"
    );
    let saved = scratch.text("switches");
    assert!(saved.contains("out1 10.0.0.1:80 disabled 0 other 1\n"));
    let renewed = "out2 10.0.0.9:80 enabled 0 other 4\n";
    assert!(
        saved.contains(renewed),
        "later than what was ordered: {saved}"
    );
    assert!(!saved.contains("out3"), "{saved}");
}

#[test]
fn tables_of_sessions_take_their_part_of_the_memory() {
    let rig = rig(None);
    for (more, expected) in [
        ("cookie_name = 'SID'", 5),
        ("cookie_name = 'SID'\nmode = 'insert'", 10),
        ("max_connections = 3", 3),
    ] {
        rig.done(&format!("{TEXT}\n{more}"));
        assert_eq!(rig.shared.plane.places().maximum(), expected);
    }
}

#[test]
fn at_the_end_nothing_is_changed_any_more() {
    let rig = rig(None);
    rig.shared.plane.set_order(Order::Finish);
    assert_eq!(rig.reload("out1 = '10.0.0.9'"), Reloaded::Finishing);
    assert_eq!(rig.shared.current().plan.number, 0);
}

#[test]
fn a_thousand_reloads_leave_one_configuration() {
    let rig = rig(None);
    let mut before: Vec<Weak<Current>> = Vec::new();
    for number in 0..1000 {
        before.push(Arc::downgrade(&rig.shared.current()));
        rig.done(&format!("{TEXT}\nout4 = '10.0.1.{}'", number % 200 + 1));
    }
    assert_eq!(rig.shared.current().plan.number, 1000);
    assert!(before.iter().all(|old| old.strong_count() == 0));
    let current = rig.shared.current();
    // The one in force, and the newest for workers to take up.
    assert_eq!(Arc::strong_count(&current.plan), 2);
    assert_eq!(Arc::strong_count(&current.config), 1);
}

#[test]
fn orders_during_a_reload_are_one_reload_after_it() {
    let rig = rig(None);
    run(async {
        let hung_up = Notify::new();
        for _ in 0..3 {
            hung_up.notify_one();
        }
        let more = async {
            // Asked for before looking, so that no event is missed.
            while rig.shared.journal.since(0).is_empty() {
                rig.shared.journal.more().notified().await;
            }
        };
        tokio::select! {
            () = rig.reloader.listen(&hung_up) => {}
            () = more => {}
        }
    });
    assert_eq!(rig.shared.journal.since(0).len(), 1);
}
