//! What an operator and the probes do in a run, and what has to hold of those who wait.

use std::sync::Arc;

use halb::model::output::OutputId;
use halb::model::plan::Plan;
use halb::model::plan::PlannedOutput;
use halb::model::standing::Health;
use halb::model::standing::Switch;

use crate::profile::MILLISECOND;
use crate::run::Run;
use crate::run::plan;
use crate::world::NEVER;

/// How long an output may be *checking*: the first probe decides.
const CHECKING: u64 = 20 * MILLISECOND;
const PAUSE: u64 = 60 * MILLISECOND;
/// How often a switch comes with a reload, per mille.
const REPLANS: u64 = 300;

impl Run {
    /// Switches an output, when it is time. The first one stays, so that there is always somebody.
    pub fn flip(&mut self) {
        let (now, servers) = {
            let world = self.world.borrow();
            (world.now, world.profile.servers as u64)
        };
        if now < self.next_flip {
            return;
        }
        let drawn = self.random.between(1, servers - 1) as usize;
        if self.random.chance(REPLANS) {
            self.replan(drawn);
        }
        let was_checking = self.checking.is_some();
        let server = self.checking.take().unwrap_or(drawn);
        let switches = [Switch::Enabled, Switch::Draining, Switch::Disabled];
        let mut healths = vec![Health::Up, Health::Up, Health::Down, Health::Checking];
        if was_checking {
            healths.pop();
        }
        let (switch, health) = (self.random.pick(&switches), self.random.pick(&healths));
        self.stand(server, switch, health);
        let checking = health == Health::Checking;
        let pause = if checking { CHECKING } else { PAUSE };
        // One that is checking is the next to change, or somebody would wait for it for long.
        self.checking = checking.then_some(server);
        self.next_flip = now + 1 + self.random.below(pause);
        self.set_alarm();
    }

    /// All are ready, and stay so.
    pub fn settle(&mut self) {
        if self.next_flip == NEVER {
            return;
        }
        self.next_flip = NEVER;
        let servers = self.world.borrow().profile.servers;
        let all = plan(&self.world.borrow());
        self.put_in_force(all);
        for server in 1..servers {
            self.stand(server, Switch::Enabled, Health::Up);
        }
    }

    /// A reload. An output leads elsewhere: all its connections do. Where nobody is tied to one, `server` is taken
    /// out, or put in again.
    fn replan(&mut self, server: usize) {
        let (mut next, tied) = {
            let world = self.world.borrow();
            (plan(&world), world.profile.mode.is_some())
        };
        let id = |server| OutputId::from_index(server).expect("few servers");
        let is_in = |plan: &Plan, server: usize| plan.at(server).is_some();
        let leaves = !tied && is_in(&self.plan, server);
        let stays = |output: &PlannedOutput| match output.id == id(server) {
            true => tied || !leaves,
            false => is_in(&self.plan, output.id.index()),
        };
        let outputs = next.outputs.iter().filter(|output| stays(output)).cloned();
        next.outputs = outputs.collect();
        self.put_in_force(next);
        let (switch, health) = {
            let world = self.world.borrow();
            let stand = &world.ties.stands[server];
            (stand.switch, stand.health)
        };
        if !tied {
            self.stand(server, switch, health);
        }
    }

    fn put_in_force(&mut self, mut next: Plan) {
        next.succeed(&self.plan);
        let number = next.number;
        let moves = self.random.below(next.outputs.len() as u64) as usize;
        if let Some(output) = next.outputs.each_mut().nth(moves) {
            output.revision = number;
        }
        self.plan = Arc::new(next);
        let mut world = self.world.borrow_mut();
        world.note(|| format!("plan {number}: {} outputs", self.plan.outputs.len()));
        let plan = Arc::clone(&self.plan);
        self.plane.set_plan(plan, |one| world.wake(one));
    }

    /// With all calls answered, nobody waits for an output that has a place.
    pub fn nobody_waits_in_vain(&self) {
        let world = self.world.borrow();
        let most = world.profile.output_places;
        let outputs = self.plane.outputs();
        let all_answered = || (0..self.plane.pages().len()).all(|one| !outputs.has_calls(one));
        if most == 0 || world.profile.plain || outputs.queue().now == 0 || !all_answered() {
            return;
        }
        for server in 0..world.profile.servers {
            let id = OutputId::from_index(server).expect("few servers");
            let (waiting, taken) = (outputs.queue_of(id).now, outputs.taken(id));
            assert!(
                waiting == 0 || taken >= most,
                "{waiting} wait for output {server}, which serves {taken} of {most}"
            );
        }
    }

    fn stand(&mut self, server: usize, switch: Switch, health: Health) {
        let id = OutputId::from_index(server).expect("few servers");
        let mut world = self.world.borrow_mut();
        let now = world.now;
        world.note(|| format!("output {server} is {switch:?} and {health:?}"));
        // One that is not in the plan is as one that is switched off.
        let seen = match self.plan.at(server) {
            Some(_) => switch,
            None => Switch::Disabled,
        };
        world.ties.stands[server].change(seen, health, now);
        self.plane.set_switch(id, switch, |one| world.wake(one));
        if health == Health::Up {
            self.plane.prove(id);
        }
        self.plane.set_health(id, health, |one| world.wake(one));
    }
}
