//! What may go wrong in a world.

use std::time::Duration;

use crate::file::judge::FILES_WITHIN;
use crate::judge::ALIVE_WITHIN;
use crate::net::Weather;
use crate::queue::MILLISECOND;
use crate::queue::SECOND;
use crate::random::Random;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    Healthy,
    Single,
    Crashes,
    Cuts,
    OneWay,
    Lossy,
    Stalls,
    Suspends,
    Disks,
    Votes,
    Rolling,
    Everything,
    Clocks,
    Files,
}

pub const FAMILIES: [Family; 14] = [
    Family::Healthy,
    Family::Single,
    Family::Crashes,
    Family::Cuts,
    Family::OneWay,
    Family::Lossy,
    Family::Stalls,
    Family::Suspends,
    Family::Disks,
    Family::Votes,
    Family::Rolling,
    Family::Everything,
    Family::Clocks,
    Family::Files,
];

/// One kind of trouble, or of order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Kill,
    KillWarden,
    KillBoth,
    /// Warden and keeper, and not the balancer.
    Forsake,
    Power,
    Suspend,
    StallThread,
    StallWarden,
    StallBoth,
    CutLink,
    CutLinks,
    CutOneWay,
    Mute,
    Deaf,
    Between,
    BetweenOneWay,
    Partition,
    Carrier,
    Gateway,
    GatewayPath,
    DiskSlow,
    DiskFull,
    Unreadable,
    Broken,
    NotReady,
    Activate,
    ActivateWithoutCut,
    Report,
    Acknowledge,
    Maintenance,
    Roles,
    Leave,
    /// Dies a few steps from now, whatever it does then.
    AtStep,
    EditFile,
    EditEverywhere,
    EditByOrder,
    StallControl,
}

const CRASHES: &[Kind] = &[
    Kind::Kill,
    Kind::KillWarden,
    Kind::KillBoth,
    Kind::Forsake,
    Kind::Power,
    Kind::Unreadable,
];
const CUTS: &[Kind] = &[
    Kind::CutLink,
    Kind::CutLinks,
    Kind::Partition,
    Kind::Carrier,
    Kind::Gateway,
    Kind::GatewayPath,
    Kind::Between,
];
const ONE_WAY: &[Kind] = &[
    Kind::CutOneWay,
    Kind::Mute,
    Kind::Deaf,
    Kind::BetweenOneWay,
    Kind::CutLink,
];
const STALLS: &[Kind] = &[
    Kind::StallThread,
    Kind::StallWarden,
    Kind::StallBoth,
    Kind::Broken,
];
const SUSPENDS: &[Kind] = &[
    Kind::Suspend,
    Kind::Suspend,
    Kind::StallThread,
    Kind::CutLinks,
];
const CLOCKS: &[Kind] = &[
    Kind::Suspend,
    Kind::Suspend,
    Kind::StallBoth,
    Kind::CutLinks,
    Kind::Partition,
    Kind::Kill,
    Kind::Activate,
];
const DISKS: &[Kind] = &[
    Kind::DiskSlow,
    Kind::DiskFull,
    Kind::Unreadable,
    Kind::Kill,
    Kind::Activate,
];
const ORDERS: &[Kind] = &[
    Kind::Activate,
    Kind::ActivateWithoutCut,
    Kind::Report,
    Kind::Acknowledge,
    Kind::Maintenance,
    Kind::Roles,
    Kind::Leave,
    Kind::NotReady,
    Kind::Broken,
];
const GENTLE: &[Kind] = &[
    Kind::Activate,
    Kind::Activate,
    Kind::ActivateWithoutCut,
    Kind::Leave,
];
const FILES: &[Kind] = &[
    Kind::EditFile,
    Kind::EditFile,
    Kind::EditEverywhere,
    Kind::EditByOrder,
    Kind::Roles,
    Kind::AtStep,
    Kind::AtStep,
    Kind::Kill,
    Kind::Power,
    Kind::DiskFull,
    Kind::DiskSlow,
    Kind::CutLinks,
    Kind::CutOneWay,
    Kind::Partition,
    Kind::StallControl,
    Kind::StallThread,
    Kind::Suspend,
    Kind::Activate,
];
const ROLLING: &[Kind] = &[
    Kind::Leave,
    Kind::Leave,
    Kind::Activate,
    Kind::Kill,
    Kind::Maintenance,
];
/// Each with the longest gap that is promised for it, in [`Profile::gap_max`].
const SINGLES: [Kind; 6] = [
    Kind::Kill,
    Kind::StallThread,
    Kind::Partition,
    Kind::KillBoth,
    Kind::Forsake,
    Kind::Suspend,
];

/// One world.
#[derive(Clone, Debug)]
pub struct Profile {
    pub seed: u64,
    pub family: Family,
    pub hosts: usize,
    pub links: usize,
    pub hot_standby: bool,
    pub has_ping: bool,
    pub activate_on_failure: bool,
    pub grace: Duration,
    pub weather: Weather,
    /// Servers have keepers of the domain file.
    pub files: bool,
    /// Some texts cannot be the configuration of some servers.
    pub picky: bool,
    /// What keepers tell each other is lost, late and doubled.
    pub careless: bool,
    /// Clocks run apart.
    pub drifts: bool,
    pub faults: Vec<Kind>,
    /// Hosts start within so long.
    pub starts: u64,
    /// Faults begin and end.
    pub first_fault: u64,
    pub healed: u64,
    /// From one fault to the next.
    pub pause: (u64, u64),
    /// A fault lasts.
    pub lasts: (u64, u64),
    pub end: u64,
    /// Who serves in the end is watched so long.
    pub watched: u64,
}

impl Profile {
    pub fn of(family: Family, seed: u64) -> Profile {
        let mut random = Random::of(seed, 0x9A1 + family as u64);
        let votes = family == Family::Votes || (family == Family::Everything && random.chance(500));
        let hosts = if votes {
            random.pick(&[3, 3, 3, 4, 5])
        } else if matches!(family, Family::Clocks | Family::Files) {
            random.pick(&[2, 2, 3, 4])
        } else {
            2
        };
        let calm = random.chance(500);
        let first_fault = if calm { 3500 } else { random.between(0, 2500) } * MILLISECOND;
        let healed = first_fault + random.between(2000, 6000) * MILLISECOND;
        let grace = random.pick(&[100, 300, 1000]);
        let mut profile = Profile {
            seed,
            family,
            hosts: hosts as usize,
            links: random.between(1, if votes { 2 } else { 3 }) as usize,
            hot_standby: !random.chance(30),
            has_ping: random.chance(700),
            activate_on_failure: random.chance(800),
            grace: Duration::from_millis(grace),
            weather: weather(family, &mut random),
            files: family == Family::Files,
            picky: false,
            careless: false,
            drifts: family == Family::Clocks,
            faults: faults(family, &mut random),
            starts: random.pick(&[0, 300 * MILLISECOND, 3 * SECOND]),
            first_fault,
            healed,
            pause: (
                random.between(1, 200) * MILLISECOND,
                random.between(300, 1500) * MILLISECOND,
            ),
            lasts: (
                20 * MILLISECOND,
                random.pick(&[200, 700, 3000]) * MILLISECOND,
            ),
            end: 0,
            watched: if random.chance(100) {
                6 * SECOND
            } else {
                200 * MILLISECOND
            },
        };
        match family {
            Family::Single => profile.make_single(&mut random),
            Family::Healthy => profile.make_gentle(),
            Family::Files => profile.give_files(&mut random),
            _ => {}
        }
        profile.end += profile.healed + ALIVE_WITHIN + profile.watched;
        profile
    }

    /// Whether nothing can go wrong but what is ordered.
    pub fn gentle(&self) -> bool {
        self.family == Family::Healthy
    }

    fn give_files(&mut self, random: &mut Random) {
        self.hot_standby = true;
        self.picky = random.chance(200);
        self.careless = random.chance(300);
        self.healed = self.first_fault + random.between(4000, 14_000) * MILLISECOND;
        self.end = FILES_WITHIN;
    }

    fn make_gentle(&mut self) {
        self.hot_standby = true;
        self.first_fault = 6 * SECOND;
        self.healed = self.first_fault + 6 * SECOND;
        self.pause = (2500 * MILLISECOND, 3 * SECOND);
    }

    fn make_single(&mut self, random: &mut Random) {
        self.hot_standby = true;
        self.has_ping = true;
        self.starts = 0;
        self.links = 2;
        self.first_fault = 5 * SECOND + random.below(SECOND);
        self.healed = self.first_fault + 3 * SECOND;
        self.pause = (60 * SECOND, 60 * SECOND);
        self.lasts = (60 * SECOND, 60 * SECOND);
    }
}

/// How long nobody may serve after a single fault of the active: the contract's figures.
pub fn gap_max(kind: Kind) -> u64 {
    match kind {
        Kind::Kill => 300 * MILLISECOND,
        Kind::StallThread => 600 * MILLISECOND,
        Kind::KillBoth => 2500 * MILLISECOND,
        _ => SECOND,
    }
}

fn weather(family: Family, random: &mut Random) -> Weather {
    let poor = Weather {
        loss_per_mille: random.pick(&[10, 100, 200]),
        twice_per_mille: random.pick(&[0, 50, 300]),
        late_per_mille: random.pick(&[0, 50, 300]),
        late: random.pick(&[5, 40, 120]) * MILLISECOND,
    };
    match family {
        Family::Lossy => poor,
        Family::Votes | Family::Everything if random.chance(300) => poor,
        _ => Weather::default(),
    }
}

fn faults(family: Family, random: &mut Random) -> Vec<Kind> {
    let all = [CRASHES, CUTS, ONE_WAY, STALLS, SUSPENDS, DISKS, ORDERS].concat();
    match family {
        Family::Healthy => GENTLE.to_vec(),
        Family::Single => vec![random.pick(&SINGLES)],
        Family::Crashes => [CRASHES, &[Kind::AtStep, Kind::Activate]].concat(),
        Family::Cuts => CUTS.to_vec(),
        Family::OneWay => ONE_WAY.to_vec(),
        Family::Lossy => [CUTS, ORDERS, CRASHES].concat(),
        Family::Stalls => STALLS.to_vec(),
        Family::Suspends => SUSPENDS.to_vec(),
        Family::Disks => DISKS.to_vec(),
        Family::Rolling => ROLLING.to_vec(),
        Family::Clocks => CLOCKS.to_vec(),
        Family::Files => FILES.to_vec(),
        Family::Votes | Family::Everything => {
            if random.chance(500) {
                return all;
            }
            let some = random.between(2, 6);
            (0..some).map(|_| random.pick(&all)).collect()
        }
    }
}
