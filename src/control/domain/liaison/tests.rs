use std::future::poll_fn;
use std::task::Poll;

use tokio::runtime::Builder;

use super::*;
use crate::control::shared::Current;
use crate::control::shared::tests::current_of;
use crate::control::shared::tests::shared_of;
use crate::model::output::OutputId;
use crate::pair::action::Why;
use crate::pair::event::Readiness;
use crate::pair::node::NodeId;
use crate::pair::state::State;
use crate::pair::term::Term;
use crate::standby::handle;
use crate::standby::handle::Inside;

const OUTPUTS: &str = "out1 = '10.0.0.1'\nout2 = '10.0.0.2'\n";
const DOMAIN: &str = "
[domain]
name = 'shop'
main = 'lb1'
backup = 'lb2'
[domain.servers]
lb1 = { addresses = '10.0.0.11', interface = 'eth0' }
lb2 = { addresses = '10.0.0.12', interface = 'eth0' }
";

/// Control's side with a pair thread that the test plays.
struct Rig {
    liaison: Arc<Liaison>,
    shared: Arc<Shared>,
    thread: Option<Inside>,
}

/// What a file with this text puts in force on lb1.
fn current(text: &str) -> Current {
    let mut current = current_of(text);
    let mut config = Config::clone(&current.config);
    if let Some(domain) = &mut config.domain {
        domain.node = Some("lb1".to_owned());
    }
    current.config = Arc::new(config);
    current
}

impl Rig {
    fn new() -> Rig {
        let (handle, thread) = handle::sides().unwrap();
        let shared = shared_of(OUTPUTS);
        shared.put_in_force(|_| Some(current(&[OUTPUTS, DOMAIN].concat())));
        Rig {
            liaison: Arc::new(Liaison::new(Arc::new(handle), false)),
            shared,
            thread: Some(thread),
        }
    }

    fn thread(&self) -> &Inside {
        self.thread.as_ref().expect("it has not ended")
    }

    /// The number of the order that the pair thread has been given last.
    fn given(&self) -> u32 {
        self.thread().given().expect("an order").number
    }

    fn tell(&self, told: Told) {
        self.thread().tell(told);
    }

    fn waiting(&self) -> usize {
        self.liaison.lock().as_ref().map_or(0, BTreeMap::len)
    }

    fn journal(&self) -> Vec<String> {
        let events = self.shared.journal.since(0);
        let pair = events.into_iter().filter(|event| event.kind == "pair");
        pair.map(|event| event.text).collect()
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let work = timeout(Duration::from_secs(30), work);
        work.await.expect("it comes to an end")
    })
}

/// What `work` gives, while the liaison listens.
fn heard<T>(rig: &Rig, work: impl Future<Output = T>) -> T {
    run(async {
        let (liaison, shared) = (Arc::clone(&rig.liaison), Arc::clone(&rig.shared));
        let listening = tokio::spawn(async move { liaison.listen(&shared).await });
        let result = work.await;
        listening.abort();
        result
    })
}

/// Until `done`; the other tasks go on meanwhile.
async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

const ORDER: Order = Order::Activate { cut: true };

#[test]
fn each_answer_finds_who_gave_the_order() {
    let rig = Rig::new();
    let (one, two) = (
        rig.liaison.order(ORDER),
        rig.liaison.order(Order::Acknowledge),
    );
    let (first, second) = (rig.given(), rig.given());
    let refused = Outcome::Refused(Why::MirrorBehind);
    rig.tell(Told::Answer(second, Outcome::Done));
    rig.tell(Told::Answer(first, refused));
    rig.tell(Told::Answer(second + 1, refused)); // nobody's
    let answers = heard(&rig, async { (one.await, two.await) });
    assert_eq!(answers, (Some(refused), Some(Outcome::Done)));
    assert_eq!(rig.waiting(), 0);
}

#[test]
fn who_has_gone_is_not_waited_for() {
    let rig = Rig::new();
    let mut order = rig.liaison.order(ORDER);
    run(poll_fn(|context| {
        assert!(order.as_mut().poll(context).is_pending());
        Poll::Ready(())
    }));
    assert_eq!(rig.waiting(), 1);
    drop(order);
    assert_eq!(rig.waiting(), 0);
    drop(rig.liaison.order(ORDER));
    assert_eq!(rig.waiting(), 0, "also before it was looked at");
}

#[test]
fn when_the_thread_ends_nobody_waits_for_it() {
    let mut rig = Rig::new();
    let before = rig.liaison.order(ORDER);
    rig.thread = None;
    let after = rig.liaison.order(ORDER);
    let domain = Arc::new(Domain::new(
        "lb1",
        Arc::clone(&rig.liaison) as Arc<dyn Pair>,
    ));
    let running = Arc::clone(&rig.liaison).run(Arc::clone(&rig.shared), domain);
    let answers = run(async {
        tokio::select! {
            () = running => panic!("the rest goes on"),
            answers = async { (before.await, after.await) } => answers,
        }
    });
    assert_eq!(answers, (None, None));
    assert_eq!(run(rig.liaison.order(ORDER)), None);
}

#[test]
fn what_was_never_heard_may_have_been_an_answer() {
    let rig = Rig::new();
    let order = rig.liaison.order(ORDER);
    let number = rig.given();
    for _ in 0..300 {
        rig.tell(Told::Leave);
    }
    rig.tell(Told::Answer(number, Outcome::Done));
    assert_eq!(heard(&rig, order), None);
    let journal = rig.journal();
    let lost = journal.last().unwrap();
    assert!(
        lost.ends_with(" events of the pair were never written down"),
        "{lost}"
    );
}

#[test]
fn what_happens_stands_in_the_journal_with_names() {
    let rig = Rig::new();
    rig.tell(Told::Note(Note {
        state: State::Standby,
        term: Term {
            number: 7,
            main: true,
        },
        why: Why::PeerCrashed,
        about: Some(NodeId::of("lb2")),
    }));
    rig.tell(Told::Trouble("the disk".to_owned()));
    heard(&rig, until(|| rig.journal().len() == 2));
    let journal = rig.journal();
    assert!(
        journal[0].starts_with("standby in term 7 of main: "),
        "{journal:?}"
    );
    assert!(journal[0].contains("lb2"), "{journal:?}");
    assert_eq!(journal[1], "the disk");
}

#[test]
fn the_pair_thread_hears_what_the_domain_file_says_and_nothing_else_of_it() {
    let rig = Rig::new();
    let (liaison, shared) = (Arc::clone(&rig.liaison), Arc::clone(&rig.shared));
    let reload = |text: String| shared.put_in_force(|_| Some(current(&text)));
    run(async {
        let followed = Arc::clone(&shared);
        let following = tokio::spawn(async move { liaison.follow(&followed).await });
        tokio::task::yield_now().await;
        // Another output is no news for it, another main is; then one that it could not hold addresses for.
        reload(["out3 = '10.0.0.3'\n", OUTPUTS, DOMAIN].concat());
        tokio::task::yield_now().await;
        let other = DOMAIN.replace(
            "main = 'lb1'\nbackup = 'lb2'",
            "main = 'lb2'\nbackup = 'lb1'",
        );
        reload([OUTPUTS, &other].concat());
        let mut heard = None;
        until(|| {
            heard = rig.thread().setting();
            heard.is_some()
        })
        .await;
        let setting = heard.unwrap();
        assert_eq!(setting.domain.main, NodeId::of("lb2"));
        assert_eq!(setting.peers[0].node, NodeId::of("lb2"));
        let address = "[domain]\nvirtual_addresses = ['10.0.0.100/24']";
        reload([OUTPUTS, &other.replace("[domain]", address)].concat());
        until(|| !rig.journal().is_empty()).await;
        following.abort();
    });
    let journal = rig.journal();
    assert!(journal[0].contains("need a restart"), "{journal:?}");
    assert!(rig.thread().setting().is_none());
}

#[test]
fn an_output_is_up_or_none_could_be() {
    let table = [
        (
            [Health::Checking, Health::Down],
            [Switch::Enabled; 2],
            false,
        ),
        ([Health::Up, Health::Down], [Switch::Enabled; 2], true),
        (
            [Health::Up, Health::Down],
            [Switch::Draining, Switch::Enabled],
            true,
        ),
        (
            [Health::Up, Health::Down],
            [Switch::Disabled, Switch::Enabled],
            false,
        ),
        ([Health::Down, Health::Down], [Switch::Disabled; 2], true),
    ];
    for (health, switches, up) in table {
        let shared = shared_of(OUTPUTS);
        for (index, (health, switch)) in health.into_iter().zip(switches).enumerate() {
            let output = OutputId::from_index(index).unwrap();
            shared.plane.set_health(output, health, |_| {});
            shared.plane.set_switch(output, switch, |_| {});
        }
        assert_eq!(any_up(&shared), up, "{health:?} {switches:?}");
    }
}

#[test]
fn the_thread_is_told_when_the_first_output_is_up() {
    let rig = Rig::new();
    let domain = Domain::new("lb1", Arc::clone(&rig.liaison) as Arc<dyn Pair>);
    for output in rig.shared.current().plan.outputs.iter() {
        let health = Health::Checking;
        rig.shared.plane.set_health(output.id, health, |_| {});
    }
    let ready = || {
        let given = std::iter::from_fn(|| rig.thread().given());
        given
            .filter_map(|given| match given.event {
                Event::Readiness(readiness) => Some(readiness),
                _ => None,
            })
            .last()
    };
    let first = Readiness {
        mirrored: true,
        ..Readiness::default()
    };
    assert_eq!(ready(), Some(first));
    run(async {
        let output = OutputId::from_index(0).unwrap();
        let watching = watch_outputs(&rig.shared, &domain);
        let working = async {
            tokio::task::yield_now().await;
            assert_eq!(ready(), None, "nothing new");
            rig.shared.plane.set_health(output, Health::Up, |_| {});
            let mut last = None;
            until(|| {
                last = ready();
                last.is_some()
            })
            .await;
            assert!(last.unwrap().outputs_up);
        };
        tokio::select! {
            () = watching => panic!("for ever"),
            () = working => {}
        }
    });
}
