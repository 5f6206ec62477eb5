//! Everything that goes over streams, joined: the streams, the mirror, and orders about outputs.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::balance::table::LearnedSession;
use crate::control::ctl::orders::Orders;
use crate::control::domain::Domain;
use crate::control::domain::Peers;
use crate::control::domain::Subject;
use crate::control::domain::mirror;
use crate::control::domain::mirror::Mirror;
use crate::control::domain::mirror::carry;
use crate::control::domain::mirror::carry::Carry;
use crate::control::domain::stream;
use crate::control::domain::stream::Member;
use crate::control::domain::stream::Members;
use crate::control::domain::stream::PROTOCOLS;
use crate::control::domain::stream::Streams;
use crate::control::domain::stream::subject::Handlers;
use crate::control::domain::stream::subject::Happening;
use crate::control::shared::Shared;
use crate::model::config;
use crate::pair::event::Event;
use crate::plane::snapshot::Desk;

/// Others are told that this server stops, and have so long to close.
const FAREWELL: Duration = Duration::from_millis(300);

/// What this process is to the others.
#[derive(Clone)]
pub struct Identity {
    /// Made of the domain's key, for streams.
    pub key: [u8; 32],
    /// As in adverts.
    pub boot: u64,
    /// `major << 16 | minor`
    pub release: u32,
}

/// What the links work on.
pub struct Setup {
    pub identity: Identity,
    pub shared: Arc<Shared>,
    pub domain: Arc<Domain>,
    pub orders: Arc<Orders>,
    /// Where the first worker hands out sessions for others, at most `room` of them.
    pub desk: Arc<Desk<LearnedSession>>,
    pub room: usize,
}

/// Before they run.
pub struct Links {
    shared: Arc<Shared>,
    streams: Arc<Streams>,
    mirror: Mirror,
}

impl Links {
    /// From here on the domain knows its streams, and orders go where they belong.
    pub fn new(setup: Setup) -> Links {
        let Setup {
            identity,
            shared,
            domain,
            orders,
            desk,
            room,
        } = setup;
        let boot = identity.boot;
        let mut handlers = Handlers::default();
        let entrance = mirror::entrance(&mut handlers);
        handle(&mut handlers, &domain, &orders);
        let current = shared.current();
        let file = current.config.domain.as_ref();
        let streams = Streams::new(stream::Setup {
            name: domain.name.clone(),
            boot,
            release: identity.release,
            protocols: PROTOCOLS,
            key: identity.key,
            members: file
                .map(|file| members(file, &domain.name))
                .unwrap_or_default(),
            handlers,
        });
        orders.carry_by(Arc::new(Carry {
            shared: Arc::clone(&shared),
            domain: Arc::clone(&domain),
            streams: Arc::clone(&streams),
        }));
        // Nobody else sets them.
        let _ = domain.streams.set(Arc::clone(&streams));
        let _ = domain.peers.set(Arc::clone(&streams) as Arc<dyn Peers>);
        let mirror = mirror::Setup {
            shared: Arc::clone(&shared),
            view: Arc::clone(&domain.mirror),
            domain,
            streams: Arc::clone(&streams),
            orders,
            desk,
            room,
            boot,
        };
        Links {
            mirror: Mirror::new(mirror, entrance),
            shared,
            streams,
        }
    }

    /// For as long as control runs.
    pub async fn run(self) {
        self.streams.start();
        let mut tasks = JoinSet::new();
        tasks.spawn(self.mirror.run());
        tasks.spawn(follow(self.shared, self.streams));
        tasks.join_all().await;
    }
}

/// This server stops: the others are told, so that they do not take it for a crash. On another thread than control's.
pub fn finish(shared: &Shared) {
    if let Some(streams) = shared.domain().and_then(|domain| domain.streams.get()) {
        streams.finish(FAREWELL);
    }
}

fn handle(handlers: &mut Handlers, domain: &Arc<Domain>, orders: &Arc<Orders>) {
    let (its, orders) = (Arc::clone(domain), Arc::clone(orders));
    handlers.on_ask(Subject::Switch, move |from, body| {
        carry::answer(Arc::clone(&its), Arc::clone(&orders), from, body)
    });
    let its = Arc::clone(domain);
    handlers.on_happening(move |happening| {
        if let Happening::Crashed { node, boot } = *happening {
            its.pair.tell(Event::Crashed { node, boot });
        }
    });
}

/// The domain file, whenever it changes.
async fn follow(shared: Arc<Shared>, streams: Arc<Streams>) {
    let mut following = shared.follow();
    while following.changed().await.is_ok() {
        let config = Arc::clone(&following.borrow_and_update().config);
        let file = config.domain.as_ref();
        if let Some((file, name)) = file.and_then(|file| Some((file, file.node.as_deref()?))) {
            streams.set_members(members(file, name));
        }
    }
}

fn members(file: &config::Domain, me: &str) -> Members {
    let own = file.servers.get(me);
    let others = file.servers.iter().filter(|(name, _)| *name != me);
    Members {
        addresses: own.map(|own| own.addresses.clone()).unwrap_or_default(),
        peers: others
            .map(|(name, server)| Member {
                name: name.clone(),
                addresses: server.addresses.clone(),
            })
            .collect(),
    }
}
