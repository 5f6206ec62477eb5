//! Keepers alone, in orders of events that no network and no disk would think of: any message is the next one, lost or
//! doubled, what was ordered is done at any time, and the clock goes on between any two. Whole servers, with disks that are
//! written step by step and terms from the machine, are in `tests/pair`.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::pair::file::head::Head;
use crate::pair::file::keeper::Keeper;
use crate::pair::file::tests::world::Server;
use crate::pair::file::tests::world::World;
use crate::pair::file::words::Event;

/// Small and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        // SplitMix64 by Sebastiano Vigna, in the public domain.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }
}

struct Storm {
    world: World,
    dice: Dice,
    term: u64,
    changes: usize,
    /// Whether some servers cannot take some texts.
    picky: bool,
}

impl Storm {
    fn new(seed: u64, picky: bool) -> Storm {
        let mut dice = Dice(seed);
        let count = 2 + dice.below(3);
        Storm {
            world: World::new(count),
            dice,
            term: 0,
            changes: 0,
            picky,
        }
    }

    fn server(&mut self) -> usize {
        self.dice.below(self.world.servers.len())
    }

    fn step(&mut self) {
        let (one, other) = (self.server(), self.server());
        match self.dice.below(100) {
            0..40 => {
                self.world.act(one);
            }
            40..70 => self.network(),
            70..78 => {
                let length = Duration::from_millis(self.dice.below(3000) as u64);
                self.world.now = self.world.now + length;
                self.world.give(one, Event::Tick);
            }
            78..84 => self.change(one),
            84..87 => {
                self.term += 1;
                self.world.serve(one, self.term);
            }
            87..90 => self.world.crash(one),
            90..94 if self.world.servers[one].keeper.is_none() => self.world.start(one),
            90..94 => {}
            94..97 => self.world.cut(one, other),
            97..98 => {
                let full = self.dice.below(4) == 0;
                self.world.servers[one].disk_full = full;
            }
            98..99 => {
                let node = self.world.servers[other].id;
                let silent = [node].into_iter().filter(|_| one != other).collect();
                self.world.give(one, Event::Silent(silent));
            }
            _ => self.world.link(one, other),
        }
    }

    /// A message arrives: any of those that are under way. Or it is lost, or comes twice.
    fn network(&mut self) {
        if self.world.flying.is_empty() {
            return;
        }
        let which = self.dice.below(self.world.flying.len().min(4));
        let Some((from, to, bytes)) = self.world.flying.remove(which) else {
            return;
        };
        match self.dice.below(20) {
            0 => {}
            1 => {
                self.world.arrive(from, to, &bytes);
                self.world.flying.push_back((from, to, bytes));
            }
            _ => self.world.arrive(from, to, &bytes),
        }
    }

    fn change(&mut self, server: usize) {
        self.changes += 1;
        let unfit = match self.picky && self.dice.below(3) == 0 {
            true => format!(" !{}", self.server()),
            false => String::new(),
        };
        let words = format!("change {}{unfit}", self.changes);
        self.world.want(server, &words);
    }

    fn calm_down(&mut self) {
        for number in 0..self.world.servers.len() {
            self.world.servers[number].disk_full = false;
            if self.world.servers[number].keeper.is_none() {
                self.world.start(number);
            }
            self.world.give(number, Event::Silent(BTreeSet::new()));
        }
        self.world.heal();
        self.world.pass(Duration::from_secs(120));
    }

    fn all_have_the_same(&self, seed: u64) {
        let words = self.world.all_words();
        let is_same = words.iter().all(|one| *one == words[0]);
        assert!(is_same, "seed {seed}: {words:?}");
        let servers = &self.world.servers;
        let heads = servers.iter().map(|server| server.disk.0.version);
        let heads: Vec<_> = heads.collect();
        let is_same = heads.iter().all(|head| *head == heads[0]);
        assert!(is_same, "seed {seed}: {heads:?}");
        let is_idle = |server: &Server| server.keeper.as_ref().is_some_and(Keeper::is_idle);
        assert!(servers.iter().all(is_idle), "seed {seed}");
    }

    /// A text that was accepted is there now or kept, or something that was made from it is.
    fn nothing_is_lost(&self, seed: u64) {
        let servers = &self.world.servers;
        for (version, text) in &self.world.accepted {
            let line = |head: &Head| {
                let mut line = head.ancestors.iter().chain([&head.version]);
                line.any(|known| known.hash == version.hash)
            };
            let is_kept = servers.iter().any(|server| {
                let mut conflicts = server.conflicts.iter();
                line(&server.disk.0) || conflicts.any(|(head, _)| line(head))
            });
            assert!(is_kept, "seed {seed}: {text:?} is lost");
        }
    }
}

#[test]
fn in_the_end_all_have_the_same_and_nothing_is_lost() {
    let (mut accepted, mut conflicts) = (0, 0);
    for seed in 0..600 {
        let picky = seed % 3 == 0;
        let mut storm = Storm::new(seed, picky);
        (0..400).for_each(|_| storm.step()); // the world itself sees to it that nobody takes what it refuses
        storm.calm_down();
        if !picky {
            storm.all_have_the_same(seed);
        }
        storm.nothing_is_lost(seed);
        let servers = storm.world.servers.iter();
        accepted += storm.world.accepted.len();
        conflicts += servers.map(|server| server.conflicts.len()).sum::<usize>();
    }
    // Not a storm in which nothing happens.
    assert!(accepted > 600, "{accepted}");
    assert!(conflicts > 150, "{conflicts}");
}
