//! The domain file of lb1, with the disk and the reloader that it has; lb2 and the pair thread are played by the test.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::control::ctl::orders::Orders;
use crate::control::domain::Answers;
use crate::control::domain::Domain;
use crate::control::domain::Later;
use crate::control::domain::Pair;
use crate::control::domain::Peers;
use crate::control::domain::Subject;
use crate::control::domain::Unreached;
use crate::control::domain::file::DomainFile;
use crate::control::domain::file::Setup;
use crate::control::domain::file::view::View;
use crate::control::reload;
use crate::control::reload::Maximum;
use crate::control::reload::Reloader;
use crate::control::shared::Limits;
use crate::control::shared::Shared;
use crate::control::shared::tests::current_of;
use crate::control::state::tests::Scratch;
use crate::control::systemd::Notifier;
use crate::model::load::Loaded;
use crate::model::load::sample::load_text;
use crate::pair::action::Outcome;
use crate::pair::advert::FileVersion;
use crate::pair::event;
use crate::pair::event::Order;
use crate::pair::file::bytes::decode;
use crate::pair::file::bytes::encode;
use crate::pair::file::head::Head;
use crate::pair::file::message::Message;
use crate::pair::node::NodeId;
use crate::plane::Plane;
use crate::ring::inbox::Hub;
use crate::standby::handle::Standing;

pub const FIRST: &str = "in = '127.0.0.1:4711'\nout1 = '10.0.0.1'\n[domain]\nname = 'shop'\nmain = 'lb1'\n\
                         backup = 'lb2'\nkey_file = '/k'\n[domain.servers.lb1]\naddresses = '10.0.0.11'\n\
                         [domain.servers.lb2]\naddresses = '10.0.0.12'\n";
/// Longer than anything here takes: a broken test fails, and does not hang.
const DEADLINE: Duration = Duration::from_secs(30);

/// What is done before a text is read as a configuration.
pub type Before = Box<dyn Fn(&Rig, &str) -> Result<(), String> + Send + Sync>;

pub struct Rig {
    pub file: Arc<DomainFile>,
    pub shared: Arc<Shared>,
    pub scratch: Scratch,
    /// What was told to lb2.
    told: Mutex<Receiver<Message>>,
    /// The versions that the pair thread was told of.
    versions: Arc<Mutex<Vec<FileVersion>>>,
}

struct Thread(Arc<Mutex<Vec<FileVersion>>>);

struct Others(Mutex<Sender<Message>>);

impl Pair for Thread {
    fn standing(&self) -> Option<Standing> {
        None
    }

    fn tell(&self, event: event::Event) {
        if let event::Event::Readiness(readiness) = event {
            self.0.lock().unwrap().push(readiness.file);
        }
    }

    fn order(&self, _: Order) -> Later<'_, Option<Outcome>> {
        Box::pin(async { None })
    }
}

impl Peers for Others {
    fn reached(&self) -> Vec<NodeId> {
        Vec::new()
    }

    fn ask(&self, _: NodeId, _: Subject, _: Vec<u8>) -> Later<'_, Result<Vec<u8>, Unreached>> {
        Box::pin(async { Err(Unreached("nobody".to_owned())) })
    }

    fn tell(&self, _: NodeId, _: Subject, body: Vec<u8>) {
        let _ = self.0.lock().unwrap().send(decode(&body).unwrap());
    }

    fn serve(&self, _: Subject, _: Arc<dyn Answers>) {}
}

/// Runs `test` beside the domain file of lb1, in which [`FIRST`] is in force.
pub fn keeping<T>(before: Before, test: impl AsyncFnOnce(Arc<Rig>) -> T) -> T {
    let scratch = Scratch::new();
    let path = scratch.0.join("halb.toml");
    fs::write(&path, FIRST).unwrap();
    let (file, orders) = DomainFile::at(&path).unwrap();
    let (plane, hub) = (Arc::new(Plane::new(0, 10)), Arc::new(Hub::new(0).unwrap()));
    let shared = Shared::new(plane, hub, current_of(FIRST), Limits::default());
    let (tells, told) = channel();
    let rig = Arc::new(Rig {
        file,
        shared: Arc::new(shared),
        scratch,
        told: Mutex::new(told),
        versions: Arc::default(),
    });
    let domain = Domain::new("lb1", Arc::new(Thread(Arc::clone(&rig.versions))));
    let _ = domain.peers.set(Arc::new(Others(Mutex::new(tells))));
    let of_trial = Arc::clone(&rig);
    let setup = Setup {
        shared: Arc::clone(&rig.shared),
        domain: Arc::new(domain),
        reloader: Arc::new(reloader(&rig.shared)),
        folder: None,
        text: FIRST.as_bytes().into(),
        trial: Arc::new(move |text| {
            let text = str::from_utf8(text).unwrap();
            before(&of_trial, text).map_err(|mistake| vec![mistake])?;
            load(text)
        }),
    };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::spawn(Arc::clone(&rig.file).run(orders, setup));
        timeout(DEADLINE, test(rig)).await.expect("it hangs")
    })
}

/// Nothing is done.
pub fn plainly() -> Before {
    Box::new(|_, _| Ok(()))
}

fn load(text: &str) -> Result<Loaded, Vec<String>> {
    let loaded = load_text(text, b"");
    let mut loaded = loaded.map_err(|refused| {
        let mistakes = refused.mistakes.iter();
        mistakes.map(ToString::to_string).collect::<Vec<String>>()
    })?;
    if let Some(domain) = &mut loaded.config.domain {
        domain.node = Some("lb1".to_owned());
    }
    Ok(loaded)
}

/// What is in the file by itself is never read for it.
fn reloader(shared: &Arc<Shared>) -> Reloader {
    Reloader::new(reload::Setup {
        shared: Arc::clone(shared),
        source: Arc::new(|| Err(vec!["the file was read".to_owned()])),
        orders: Arc::new(Orders::new(Arc::clone(shared), None, &[])),
        parts: Vec::new(),
        notifier: Arc::new(Notifier::nobody()),
        maximum: Maximum {
            plain: 10,
            learning: 5,
        },
        folder: None,
    })
}

impl Rig {
    pub fn path(&self) -> PathBuf {
        self.scratch.0.join("halb.toml")
    }

    /// Somebody writes the file.
    pub fn write(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }

    /// What lb2 tells.
    fn hear(&self, message: &Message) {
        // It is taken in at once; the answer goes nowhere.
        drop(self.file.answer(NodeId::of("lb2"), encode(message)));
    }

    /// lb2 changes the file, and lb1 takes it. In a thread of its own.
    pub fn take_from_lb2(&self, text: &str) {
        let head = Head::first(FIRST.as_bytes()).child(1, text.as_bytes());
        let version = head.version;
        let text = text.as_bytes().into();
        self.hear(&Message::Propose { head, text });
        self.is_told(|message| matches!(message, Message::Prepared { .. }));
        self.hear(&Message::Commit { version });
        self.is_told(|message| matches!(message, Message::Applied { .. }));
    }

    fn is_told(&self, is_it: impl Fn(&Message) -> bool) {
        let told = self.told.lock().unwrap();
        while !is_it(&told.recv_timeout(DEADLINE).expect("lb2 is told")) {}
    }

    /// The version by which lb1 goes, as the pair thread knows.
    pub fn goes_by(&self) -> u64 {
        let versions = self.versions.lock().unwrap();
        versions.last().unwrap().generation
    }

    /// Waits until the view is as wanted.
    pub async fn until(&self, is_so: impl Fn(&View) -> bool) {
        loop {
            let more = self.shared.journal.more().notified();
            if is_so(&self.file.view()) {
                return;
            }
            more.await;
        }
    }
}
