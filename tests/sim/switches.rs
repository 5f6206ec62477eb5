//! What an operator and the probes do in a run, and what has to hold of those who wait.

use halb::model::output::OutputId;
use halb::model::standing::Health;
use halb::model::standing::Switch;

use crate::profile::MILLISECOND;
use crate::run::Run;
use crate::world::NEVER;

/// How long an output may be *checking*: the first probe decides.
const CHECKING: u64 = 20 * MILLISECOND;
const PAUSE: u64 = 60 * MILLISECOND;

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
        for server in 1..servers {
            self.stand(server, Switch::Enabled, Health::Up);
        }
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
        world.ties.stands[server].change(switch, health, now);
        self.plane.set_switch(id, switch, |one| world.wake(one));
        self.plane.set_health(id, health, |one| world.wake(one));
    }
}
