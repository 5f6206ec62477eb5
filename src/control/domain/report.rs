//! How the domain stands: each server's state and what is the matter with it, as one JSON object that all terminals and
//! verbs show from.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::control::domain::Domain;
use crate::control::domain::file::record::shown;
use crate::control::shared::Shared;
use crate::model::config;
use crate::model::time::Instant;
use crate::pair::advert::Advert;
use crate::pair::node::NodeId;
use crate::ring::clock;
use crate::standby::handle::Peer;
use crate::standby::handle::Standing;

/// A link whose last advert is older counts as down: as many as make a server dead.
const LINK_DOWN: Duration = Duration::from_millis(250);

/// All of it; `None`: there is no domain.
pub fn report(shared: &Shared) -> Option<Value> {
    let domain = shared.domain()?;
    let current = shared.current();
    let config = current.config.domain.as_ref()?;
    let standing = domain.pair.standing();
    let now = clock::boot(); // as the pair thread reads it
    let servers = config.servers.keys();
    let servers = servers.map(|name| server(domain, config, standing.as_ref(), name, now));
    let own = standing.as_ref().map(|standing| &standing.own);
    let holds_s = standing
        .as_ref()
        .and_then(|standing| standing.holds_since)
        .map(|since| now.since(since).as_secs_f64());
    Some(json!({
        "name": config.name,
        "node": domain.name,
        "state": own.map(|own| own.state.word()),
        "term": own.map(|own| own.term.number),
        "active": standing.as_ref().and_then(|standing| active(domain, config, standing)),
        "hot_standby": config.hot_standby,
        "main": config.main,
        "backup": config.backup,
        "virtual_addresses": config.virtual_addresses.iter().map(|network| network.address.to_string()).collect::<Vec<_>>(),
        "holds_s": holds_s,
        "servers": servers.collect::<Vec<Value>>(),
        "switch_cut": shared.plane.switch_cut(),
        "mirror": mirror(domain, config),
        "file": domain.file().map(|file| file.view().json()),
    }))
}

/// How far others are behind this server, or this one behind another.
fn mirror(domain: &Domain, config: &config::Domain) -> Value {
    let seen = domain.mirror.seen();
    let name = |node| super::name_of(config, node);
    let followers = seen.followers.iter();
    let followers =
        followers.map(|(node, lag)| json!({"name": name(*node), "lag_s": lag.as_secs_f64()}));
    let behind = |(node, lag): &(NodeId, Duration)| {
        format!("{} is {:.2} s behind", name(*node), lag.as_secs_f64())
    };
    let text = match seen.following.map(name) {
        Some(active) if seen.is_whole => format!("what {active} has learned is here"),
        Some(active) => format!("what {active} has learned is on its way here"),
        None if seen.followers.is_empty() => "nobody follows".to_owned(),
        None => seen
            .followers
            .iter()
            .map(behind)
            .collect::<Vec<String>>()
            .join(", "),
    };
    json!({
        "text": text,
        "following": seen.following.map(name),
        "whole": seen.is_whole,
        "followers": followers.collect::<Vec<Value>>(),
        "resyncs": seen.resyncs,
        "dropped": seen.dropped,
    })
}

/// Whether a link that was heard then works now.
pub fn link_is_up(heard: Option<Instant>, now: Instant) -> bool {
    heard.is_some_and(|heard| now.since(heard) <= LINK_DOWN)
}

/// Who serves, as far as this server knows.
pub fn active(domain: &Domain, config: &config::Domain, standing: &Standing) -> Option<String> {
    use crate::pair::state::State;
    if standing.own.state == State::Active {
        return Some(domain.name.clone());
    }
    let peers = standing.peers.iter().flatten();
    let mut actives = peers.filter(|peer| peer.alive && peer.advert.state == State::Active);
    let active = actives.next()?;
    Some(super::name_of(config, active.advert.from))
}

fn server(
    domain: &Domain,
    config: &config::Domain,
    standing: Option<&Standing>,
    name: &str,
    now: Instant,
) -> Value {
    let node = NodeId::of(name);
    let role = match name {
        _ if *name == config.main => "main",
        _ if *name == config.backup => "backup",
        _ => "none",
    };
    let addresses = config.servers.get(name).map(|server| &server.addresses);
    let addresses: Vec<String> = addresses
        .into_iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    let mut value = json!({"name": name, "role": role, "addresses": addresses});
    let Some(standing) = standing else {
        return value;
    };
    let peer = standing.peers.iter().flatten();
    let peer = peer.into_iter().find(|peer| peer.advert.from == node);
    let (advert, alive) = match peer {
        _ if node == domain.node => (Some(&standing.own), true),
        Some(peer) => (Some(&peer.advert), peer.alive),
        None => (None, false),
    };
    value["this"] = json!(node == domain.node);
    value["alive"] = json!(alive);
    // Of one that is not heard any more nothing is so that it said, but for its release and its file.
    value["ready"] = json!(false);
    value["holds"] = json!(false);
    if let Some(advert) = advert {
        has(&mut value, advert);
    }
    if let Some(advert) = advert.filter(|_| alive) {
        said(&mut value, advert);
    }
    if let Some(peer) = peer {
        value["links"] = links(peer, addresses.len(), now);
    }
    value
}

/// What a server had when it was heard last.
fn has(value: &mut Value, advert: &Advert) {
    let (major, minor) = (advert.release >> 16, advert.release & 0xffff);
    value["release"] = json!(format!("{major}.{minor}"));
    value["file"] = json!(shown(advert.file));
}

/// What a server says of itself.
fn said(value: &mut Value, advert: &Advert) {
    let conditions = advert.conditions;
    let all = [
        ("isolated", conditions.isolated),
        ("blind", conditions.blind),
        ("failing", conditions.failing),
        ("claiming", conditions.claiming),
    ];
    let holding = all.into_iter().filter(|(_, holds)| *holds);
    let holding: Vec<&str> = holding.map(|(word, _)| word).collect();
    value["state"] = json!(advert.state.word());
    value["term"] = json!(advert.term.number);
    value["conditions"] = json!(holding);
    value["holds"] = json!(advert.holds);
    value["ready"] = json!(advert.ready);
    value["reaches_ping"] = json!(advert.reaches_ping);
}

fn links(peer: &Peer, count: usize, now: Instant) -> Value {
    let link = |heard: &Option<Instant>| {
        let ago_ms =
            heard.map(|heard| u64::try_from(now.since(heard).as_millis()).unwrap_or(u64::MAX));
        json!({"up": link_is_up(*heard, now), "heard_ms": ago_ms})
    };
    json!(
        peer.heard
            .iter()
            .take(count)
            .map(link)
            .collect::<Vec<Value>>()
    )
}
