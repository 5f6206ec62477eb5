//! Orders about outputs, given on any server: carried out by the one that serves, and answered when both have it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::control::ctl::answer::Answer;
use crate::control::ctl::answer::DONE;
use crate::control::ctl::orders::Carrier;
use crate::control::ctl::orders::Orders;
use crate::control::ctl::query::Target;
use crate::control::domain::Domain;
use crate::control::domain::Later;
use crate::control::domain::Subject;
use crate::control::domain::mirror::active_peer;
use crate::control::domain::mirror::orders;
use crate::control::domain::name_of;
use crate::control::domain::stream::Streams;
use crate::control::domain::stream::subject::Sender;
use crate::control::shared::Shared;
use crate::model::standing::Switch;
use crate::pair::node::NodeId;
use crate::pair::standing::Standing;
use crate::pair::state::State;

/// An operator waits no longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Takes orders to where they belong.
pub struct Carry {
    pub shared: Arc<Shared>,
    pub domain: Arc<Domain>,
    pub streams: Arc<Streams>,
}

impl Carrier for Carry {
    fn carry<'a>(
        &'a self,
        orders: &'a Orders,
        meant: &'a Target,
        to: Switch,
    ) -> Later<'a, Result<Answer, Answer>> {
        Box::pin(async move {
            let standing = self.domain.pair.standing();
            let active = standing
                .as_ref()
                .and_then(|standing| match standing.own.state {
                    State::Active => None,
                    _ => active_peer(standing),
                });
            match active {
                Some(active) => self.ask_active(active, orders, meant, to).await,
                // It serves, or nobody does.
                None => self.here(standing.as_ref(), orders, meant, to).await,
            }
        })
    }
}

impl Carry {
    async fn here(
        &self,
        standing: Option<&Standing>,
        orders: &Orders,
        meant: &Target,
        to: Switch,
    ) -> Result<Answer, Answer> {
        let answer = orders.set_here(meant, to).await?;
        let all = json!({"orders": orders::encode(&orders.ordered())}).to_string();
        for node in standbys(standing) {
            let asked = self
                .streams
                .ask(node, Subject::Switch, all.clone().into_bytes(), PATIENCE);
            if let Err(unreachable) = asked.await {
                let name = self.name(node);
                let message = format!("done here; {name} does not have it yet: {unreachable}");
                return Err(Answer::not_done(&message));
            }
        }
        Ok(answer)
    }

    async fn ask_active(
        &self,
        active: NodeId,
        orders: &Orders,
        meant: &Target,
        to: Switch,
    ) -> Result<Answer, Answer> {
        let asked = json!({"meant": meant.text(), "to": to as u8}).to_string();
        let answered = self
            .streams
            .ask(active, Subject::Switch, asked.into_bytes(), PATIENCE);
        let not_done = |why: &str| {
            let name = self.name(active);
            Answer::not_done(&format!("{name} serves and was not reached: {why}"))
        };
        let answer = match answered.await {
            Ok(answer) => serde_json::from_slice(&answer).unwrap_or(Value::Null),
            Err(unreachable) => return Err(not_done(&unreachable.to_string())),
        };
        if orders.merge(&orders::decode(&answer["orders"]), true) {
            orders.save().await;
        }
        let Some(code) = answer["code"].as_u64() else {
            return Err(not_done("its answer cannot be read"));
        };
        if code == u64::from(DONE) {
            return Ok(Answer::done());
        }
        let message = answer["message"].as_str().unwrap_or_default();
        Err(Answer::not_done(message))
    }

    fn name(&self, node: NodeId) -> String {
        let current = self.shared.current();
        let domain = current.config.domain.as_ref();
        domain.map_or_else(|| node.to_string(), |domain| name_of(domain, node))
    }
}

/// What another server asks: that an order is carried out here, or that what it has ordered is known here.
pub async fn answer(
    domain: Arc<Domain>,
    orders: Arc<Orders>,
    from: Sender,
    body: Vec<u8>,
) -> Result<Vec<u8>, String> {
    let asked: Value =
        serde_json::from_slice(&body).map_err(|_| "the order cannot be read".to_owned())?;
    let standing = domain.pair.standing();
    let is_active = standing.is_some_and(|standing| standing.own.state == State::Active);
    let Some(meant) = asked["meant"].as_str() else {
        let active = standing.as_ref().and_then(active_peer);
        let ordered = orders::decode(&asked["orders"]);
        if orders.merge(&ordered, !is_active && active == Some(from.node)) {
            orders.save().await;
        }
        return Ok(b"{}".to_vec());
    };
    if !is_active {
        return Err("it does not serve any more".to_owned());
    }
    let to = match asked["to"].as_u64() {
        Some(0) => Switch::Enabled,
        Some(1) => Switch::Draining,
        Some(2) => Switch::Disabled,
        _ => return Err("the order cannot be read".to_owned()),
    };
    let (Ok(answer) | Err(answer)) = orders.set_here(&Target::from_text(meant), to).await;
    let said = json!({
        "code": answer.code(),
        "message": answer.message(),
        "orders": orders::encode(&orders.ordered()),
    });
    Ok(said.to_string().into_bytes())
}

fn standbys(standing: Option<&Standing>) -> Vec<NodeId> {
    let peers = standing
        .into_iter()
        .flat_map(|standing| standing.peers.iter().flatten());
    let there = peers.filter(|peer| peer.alive && peer.advert.state == State::Standby);
    there.map(|peer| peer.advert.from).collect()
}
