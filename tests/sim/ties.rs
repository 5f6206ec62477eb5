//! Who belongs where: cookies that outputs set, clients that bring them over any connection, outputs that are switched
//! off and on meanwhile, and what follows from all that for every request that arrives.

use std::collections::BTreeMap;

use halb::model::config::Mode;
use halb::model::standing::Health;
use halb::model::standing::Switch;

use crate::parse::Head;
use crate::profile::Profile;
use crate::random::Random;

/// The cookie that is looked at.
pub const NAME: &str = "SID";

/// What clients and outputs know of cookies.
#[derive(Default)]
pub struct Ties {
    /// Clients share jars, so that a cookie is used over several connections at a time.
    jars: BTreeMap<usize, Jar>,
    asked: BTreeMap<u64, Asked>,
    /// Which output answered each request, and the cookie it set.
    answered: BTreeMap<u64, (usize, Option<String>)>,
    pub stands: Vec<Stand>,
    pub tied: usize,
}

/// The cookie that a client has, and which output it is good for.
#[derive(Clone)]
struct Jar {
    value: String,
    server: usize,
}

struct Asked {
    at: u64,
    tied: Option<usize>,
    /// The Cookie lines that the output has to see.
    arrive: Vec<String>,
}

/// How one output stands, and since when.
pub struct Stand {
    pub switch: Switch,
    pub health: Health,
    since: u64,
    /// It was not there for those tied to it, at latest then.
    away_until: u64,
    /// Requests in it now.
    inside: u64,
}

impl Stand {
    fn ready() -> Stand {
        Stand {
            switch: Switch::Enabled,
            health: Health::Up,
            since: 0,
            away_until: 0,
            inside: 0,
        }
    }

    /// From `now` on it stands so.
    pub fn change(&mut self, switch: Switch, health: Health, now: u64) {
        if self.is_away() {
            self.away_until = now;
        }
        (self.switch, self.health, self.since) = (switch, health, now);
    }

    fn is_away(&self) -> bool {
        self.switch == Switch::Disabled || self.health == Health::Down
    }
}

impl Ties {
    pub fn new(servers: usize) -> Ties {
        Ties {
            stands: (0..servers).map(|_| Stand::ready()).collect(),
            ..Ties::default()
        }
    }

    /// The Cookie lines that request `id` brings, from the jar of `client`.
    pub fn bring(&mut self, profile: &Profile, client: usize, id: u64, now: u64) -> String {
        let Some(mode) = profile.mode else {
            return String::new();
        };
        let mut random = Random::of(profile.seed ^ 0xC00C, id);
        let jar = self.jars.get(&jar_of(profile, client)).cloned();
        let stranger = format!("out9~{id}"); // nobody's, whatever the mode
        let (value, tied) = match jar {
            Some(jar) if random.chance(900) => (Some(jar.value), Some(jar.server)),
            _ => (random.chance(300).then_some(stranger), None),
        };
        let others = ["a=1; ", "", "b=\"x;y\"; SIDE=out1; ", "sid=no;"];
        let before = random.pick(&others);
        let behind = random.pick(&["", "; c=3", ";d=out2~4", " ; e"]);
        let line = |value: &str| format!("{before}{NAME}={value}{behind}");
        let (sent, arrive) = match (value, mode) {
            (None, _) => (None, None),
            (Some(value), Mode::Sync) => {
                let bare = value.split_once('~').filter(|(name, _)| *name != "out9");
                let bare = bare.map_or(value.as_str(), |(_, bare)| bare);
                (Some(line(&value)), Some(line(bare)))
            }
            (Some(value), Mode::Insert) => (Some(line(&value)), without(before, behind)),
            (Some(value), _) => (Some(line(&value)), Some(line(&value))),
        };
        let asked = Asked {
            at: now,
            tied,
            arrive: arrive.into_iter().collect(),
        };
        self.asked.insert(id, asked);
        sent.map_or_else(String::new, |line| format!("Cookie: {line}\r\n"))
    }

    /// Request `id` arrives at `server`: whether it may, and as it has to.
    pub fn arrive(
        &mut self,
        profile: &Profile,
        id: u64,
        server: usize,
        head: &Head,
    ) -> Result<(), String> {
        let stand = &mut self.stands[server];
        stand.inside += 1;
        let most = profile.output_places;
        if most > 0 && stand.inside > most {
            return Err(format!(
                "{} requests at a time, {most} may be",
                stand.inside
            ));
        }
        let Some(asked) = self.asked.get(&id).filter(|_| profile.mode.is_some()) else {
            return self.may_come(id, None, 0, server);
        };
        let cookies = head.all("cookie");
        if cookies != asked.arrive {
            return Err(format!("cookies {cookies:?} instead of {:?}", asked.arrive));
        }
        let (at, tied) = (asked.at, asked.tied);
        if let Some(tied) = tied {
            let stand = &self.stands[tied];
            let was_there = !stand.is_away() && stand.away_until < at;
            if was_there && server != tied {
                return Err(format!("it belongs to output {tied}"));
            }
            self.tied += usize::from(server == tied);
        }
        self.may_come(id, tied, at, server)
    }

    /// The request in `server` has been answered, or was given up.
    pub fn leave(&mut self, server: usize) {
        self.stands[server].inside -= 1;
    }

    /// The cookie that `server` sets when it answers `id`.
    pub fn set(&mut self, profile: &Profile, id: u64, server: usize) -> Option<(String, String)> {
        let mode = profile.mode?;
        let sets = Random::of(profile.seed ^ 0x5E7, id).chance(400) && mode != Mode::Insert;
        let value = sets.then(|| format!("{server}v{id}"));
        self.answered.insert(id, (server, value.clone()));
        value.map(|value| ("Set-Cookie".into(), format!("{NAME}={value}; Path=/")))
    }

    /// The head of the response to `id` has come to `client`: what it sets is known from now on.
    pub fn learn(
        &mut self,
        profile: &Profile,
        client: usize,
        id: u64,
        head: &Head,
    ) -> Result<(), String> {
        let (Some(mode), Some((server, value))) = (profile.mode, self.answered.get(&id)) else {
            return Ok(());
        };
        let server = *server;
        let output = format!("out{}", server + 1);
        let brought = self.asked.get(&id).and_then(|asked| asked.tied);
        let new = match (mode, value) {
            (Mode::Insert, _) => (brought != Some(server)).then_some(output),
            (Mode::Sync, Some(value)) => Some(format!("{output}~{value}")),
            (_, value) => value.clone(),
        };
        let attributes = match mode {
            Mode::Insert => "path=/; HttpOnly; SameSite=Lax",
            _ => "Path=/",
        };
        let expected = new
            .as_ref()
            .map(|new| format!("{NAME}={new}; {attributes}"));
        let expected: Vec<&str> = expected.as_deref().into_iter().collect();
        if head.all("set-cookie") != expected {
            let set = head.all("set-cookie");
            return Err(format!("response {id} sets {set:?}, not {expected:?}"));
        }
        if let Some(value) = new {
            let jar = Jar { value, server };
            self.jars.insert(jar_of(profile, client), jar);
        }
        Ok(())
    }

    /// Nobody comes to an output that was switched off or down before it asked, and nobody new to one that drains.
    fn may_come(&self, id: u64, tied: Option<usize>, at: u64, server: usize) -> Result<(), String> {
        let stand = &self.stands[server];
        let drains = stand.switch == Switch::Draining && tied != Some(server);
        let told = stand.since < at;
        if told && (stand.is_away() || drains || stand.health == Health::Checking) {
            let (switch, health) = (stand.switch, stand.health);
            return Err(format!("{id} comes though it is {switch:?} and {health:?}"));
        }
        Ok(())
    }
}

fn jar_of(profile: &Profile, client: usize) -> usize {
    client % profile.clients.div_ceil(2)
}

/// The line without the cookie: the semicolon before it goes along, or the one behind it and the space that follows.
fn without(before: &str, behind: &str) -> Option<String> {
    match before.trim_end().strip_suffix(';') {
        Some(before) => Some(format!("{before}{}", behind.trim_start())),
        None => {
            let (_, behind) = behind.split_once(';')?;
            Some(behind.trim_start().to_owned())
        }
    }
}
