//! The streams of a server of a domain: to whom the domain file says, and for as long as it says so.

use std::sync::Arc;

use crate::control::domain::Pair;
use crate::control::domain::stream::Member;
use crate::control::domain::stream::Members;
use crate::control::domain::stream::PROTOCOLS;
use crate::control::domain::stream::Setup;
use crate::control::domain::stream::Streams;
use crate::control::domain::stream::subject::Handlers;
use crate::control::domain::stream::subject::Happening;
use crate::control::shared::Shared;
use crate::model::config::Domain;
use crate::pair::event::Event;

/// What a server says of itself when a stream begins.
pub struct Identity {
    pub boot: u64,
    /// `major << 16 | minor`
    pub release: u32,
    /// Made of the domain key for streams.
    pub key: [u8; 32],
}

/// The streams, before they begin. That a server has crashed is told to the pair thread.
pub fn streams(domain: &Domain, identity: Identity, pair: &Arc<dyn Pair>) -> Arc<Streams> {
    let mut handlers = Handlers::default();
    let pair = Arc::clone(pair);
    handlers.on_happening(move |happening| {
        if let Happening::Crashed { node, boot } = *happening {
            pair.tell(Event::Crashed { node, boot });
        }
    });
    Streams::new(Setup {
        name: domain.node.clone().unwrap_or_default(),
        boot: identity.boot,
        release: identity.release,
        protocols: PROTOCOLS,
        key: identity.key,
        members: members(domain),
        handlers,
    })
}

/// Begins them, and goes by the domain file from then on, for ever.
pub async fn run(streams: Arc<Streams>, shared: Arc<Shared>) {
    streams.start();
    let mut following = shared.follow();
    loop {
        if let Some(domain) = &following.borrow_and_update().config.domain {
            streams.set_members(members(domain));
        }
        if following.changed().await.is_err() {
            return;
        }
    }
}

fn members(domain: &Domain) -> Members {
    let me = domain.node.as_deref().unwrap_or_default();
    let others = domain.servers.iter().filter(|(name, _)| *name != me);
    let member = |(name, server): (&String, &crate::model::config::Server)| Member {
        name: name.clone(),
        addresses: server.addresses.clone(),
    };
    let own = domain.servers.get(me);
    Members {
        addresses: own.map(|own| own.addresses.clone()).unwrap_or_default(),
        peers: others.map(member).collect(),
    }
}
