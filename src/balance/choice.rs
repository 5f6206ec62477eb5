//! Which output a request goes to, or which it waits for (SPEC 4).

use crate::balance::set::Set;
use crate::balance::sharing::Sharing;
use crate::balance::source::Source;
use crate::model::output::OUTPUTS_MAX;
use crate::model::output::OutputId;
use crate::model::plan::Plan;
use crate::model::plan::PlannedOutput;
use crate::model::standing::Health;
use crate::model::standing::Standing;
use crate::model::standing::Switch;

/// What binds a request to an output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tie {
    /// Nothing: `balance` decides.
    Free,
    /// Its session is with this output.
    Output(OutputId),
    /// Mode `source`: its client's address decides.
    Source(Source),
}

/// What is asked for one request.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub tie: Tie,
    /// Where it has already failed.
    pub tried: Set,
}

/// What is to be done with it. Outputs are named by their indices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    Go(usize),
    /// For a place at one of these, or for the first word about their health.
    Wait(Set),
    /// Nobody is there (503).
    None,
}

/// One worker's choice among the outputs of a plan.
pub struct Chooser {
    /// By index; those that are not connected weigh nothing.
    outputs: Vec<(OutputId, u32)>,
    connected: Set,
    addressed: Set,
    backups: Set,
    sharing: Sharing,
    suspects: Set,
    /// How many probes of an output had succeeded when it became one of the suspects.
    proofs: Vec<u64>,
}

/// How the outputs of one tier stand towards a request that is tied to none of them.
struct Tier {
    /// Ready, with a place.
    free: Set,
    /// Ready without a place.
    full: Set,
    checking: Set,
}

impl Chooser {
    pub fn new(plan: &Plan, worker: usize) -> Chooser {
        let weight = |id: OutputId| plan.at(id.index()).map_or(0, |output| output.weight);
        let ids = (0..OUTPUTS_MAX).filter_map(OutputId::from_index);
        let outputs: Vec<_> = ids.map(|id| (id, weight(id))).collect();
        let weights: Vec<u32> = outputs.iter().map(|(_, weight)| *weight).collect();
        let which = |wanted: fn(&PlannedOutput) -> bool| -> Set {
            let planned = plan.outputs.iter().filter(|output| wanted(output));
            planned.map(|output| output.id.index()).collect()
        };
        Chooser {
            connected: which(|_| true),
            addressed: which(|output| output.address.is_some()),
            backups: which(|output| output.backup),
            sharing: Sharing::new(plan.balance, &weights, worker),
            suspects: Set::EMPTY,
            proofs: vec![0; outputs.len()],
            outputs,
        }
    }

    /// Whether the plan has it.
    pub fn knows(&self, output: OutputId) -> bool {
        self.connected.contains(output.index())
    }

    /// In this order: the output it is tied to; one of the others that are no backups; waiting for one of
    /// those; the backups; nothing.
    pub fn decide(&mut self, ask: &Ask, standing: &impl Standing) -> Choice {
        self.forgive(standing);
        if let Tie::Output(tied) = ask.tie
            && let Some(choice) = self.decide_tied(tied, ask.tried, standing)
        {
            return choice;
        }
        let open = self.addressed.minus(ask.tried);
        for tier in [open.minus(self.backups), open.and(self.backups)] {
            let tier = self.survey(tier, standing);
            let choice = match ask.tie {
                Tie::Source(source) => self.decide_by_source(source, &tier),
                Tie::Free | Tie::Output(_) => self.decide_free(&tier, standing),
            };
            if choice != Choice::None {
                return choice;
            }
        }
        Choice::None
    }

    /// For a request that `output` took and closed upon: the same again where it is tied to it; else another of
    /// its kind that nothing speaks against, since a server that is going down may still accept; else the same.
    pub fn decide_again(&mut self, output: usize, tie: Tie, standing: &impl Standing) -> usize {
        self.forgive(standing);
        if self.is_tied_to(output, tie, standing) {
            return output;
        }
        let is_backup = self.backups.contains(output);
        let kind = if is_backup {
            self.addressed.and(self.backups)
        } else {
            self.addressed.minus(self.backups)
        };
        let others = self.survey(kind.without(output), standing).free;
        let next = self.share(others.minus(self.suspects), standing);
        next.unwrap_or(output)
    }

    /// It refused or reset a connection, or left one unanswered: others are preferred until a connection to it or a
    /// probe succeeds. Says whether that is new.
    pub fn suspect(&mut self, output: usize, standing: &impl Standing) -> bool {
        self.forgive(standing);
        let Some((id, _)) = self.outputs.get(output) else {
            return false;
        };
        let new = !self.suspects.contains(output);
        self.suspects = self.suspects.with(output);
        self.proofs[output] = standing.proofs(*id);
        new
    }

    /// A connection to it was established.
    pub fn clear(&mut self, output: usize) {
        self.suspects = self.suspects.without(output);
    }

    /// `None`: the tie does not hold now, and the request is as free as any.
    fn decide_tied(&self, tied: OutputId, tried: Set, standing: &impl Standing) -> Option<Choice> {
        let output = tied.index();
        if !self.addressed.contains(output) || tried.contains(output) {
            return None;
        }
        match (standing.switch(tied), standing.health(tied)) {
            (Switch::Disabled, _) | (_, Health::Down) => None,
            // To go elsewhere would end a session that the first probe may well confirm.
            (Switch::Enabled | Switch::Draining, Health::Checking) => {
                Some(Choice::Wait(Set::EMPTY.with(output)))
            }
            (Switch::Enabled | Switch::Draining, Health::Up) => {
                Some(go_or_wait(output, standing.has_place(tied)))
            }
        }
    }

    /// The same output for the same client: one that is full or still checking is waited for.
    fn decide_by_source(&self, source: Source, tier: &Tier) -> Choice {
        let all = tier.free.or(tier.full).or(tier.checking);
        match source.choose(all, &self.outputs) {
            Some(output) => go_or_wait(output, tier.free.contains(output)),
            None => Choice::None,
        }
    }

    fn decide_free(&mut self, tier: &Tier, standing: &impl Standing) -> Choice {
        let trusted = tier.free.minus(self.suspects);
        let candidates = if trusted.is_empty() {
            tier.free
        } else {
            trusted
        };
        if let Some(output) = self.share(candidates, standing) {
            return Choice::Go(output);
        }
        let awaited = tier.full.or(tier.checking);
        if awaited.is_empty() {
            Choice::None
        } else {
            Choice::Wait(awaited)
        }
    }

    fn share(&mut self, candidates: Set, standing: &impl Standing) -> Option<usize> {
        let outputs = &self.outputs;
        let active = |index: usize| {
            outputs
                .get(index)
                .map_or(0, |(id, _)| standing.sessions_active(*id))
        };
        self.sharing.next(candidates, active)
    }

    fn survey(&self, members: Set, standing: &impl Standing) -> Tier {
        let mut tier = Tier {
            free: Set::EMPTY,
            full: Set::EMPTY,
            checking: Set::EMPTY,
        };
        for index in members.iter() {
            let Some((id, _)) = self.outputs.get(index) else {
                break;
            };
            if standing.switch(*id) != Switch::Enabled {
                continue;
            }
            let kind = match standing.health(*id) {
                Health::Up if standing.has_place(*id) => &mut tier.free,
                Health::Up => &mut tier.full,
                Health::Checking => &mut tier.checking,
                Health::Down => continue,
            };
            *kind = kind.with(index);
        }
        tier
    }

    /// Whether a second try has to be for the same output.
    fn is_tied_to(&self, output: usize, tie: Tie, standing: &impl Standing) -> bool {
        let Some((id, _)) = self.outputs.get(output) else {
            return false;
        };
        let tied = match tie {
            Tie::Free => false,
            Tie::Output(tied) => tied == *id,
            Tie::Source(_) => true,
        };
        tied && standing.switch(*id) != Switch::Disabled && standing.health(*id) != Health::Down
    }

    /// Those of which a probe has succeeded since are suspects no more.
    fn forgive(&mut self, standing: &impl Standing) {
        for index in self.suspects.iter() {
            let (id, _) = self.outputs[index];
            if standing.proofs(id) != self.proofs[index] {
                self.suspects = self.suspects.without(index);
            }
        }
    }
}

fn go_or_wait(output: usize, has_place: bool) -> Choice {
    if has_place {
        Choice::Go(output)
    } else {
        Choice::Wait(Set::EMPTY.with(output))
    }
}

#[cfg(test)]
mod tests;
