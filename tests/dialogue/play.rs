//! Plays a case: each step in its order, and then the proof that nothing more comes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering;

use crate::notation;
use crate::script::Actor;
use crate::script::BLOCK_START;
use crate::script::Case;
use crate::script::Cut;
use crate::script::Deed;
use crate::script::Step;
use crate::side::Mismatch;
use crate::side::Over;
use crate::side::Side;
use crate::stage::Setting;
use crate::stage::Stage;

/// How a case is played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    AsWritten,
    /// What HALB reads from clients or outputs, or what it sends, goes by single bytes.
    Pieces(Cut),
}

impl Mode {
    pub const ALL: [Mode; 4] = [
        Mode::AsWritten,
        Mode::Pieces(Cut::Clients),
        Mode::Pieces(Cut::Outputs),
        Mode::Pieces(Cut::Sends),
    ];

    pub fn applies_to(self, case: &Case) -> bool {
        match self {
            Mode::AsWritten => true,
            Mode::Pieces(cut) => !case.whole.contains(&cut),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Mode::AsWritten => "as written",
            Mode::Pieces(Cut::Clients) => "HALB reads single bytes from clients",
            Mode::Pieces(Cut::Outputs) => "HALB reads single bytes from outputs",
            Mode::Pieces(Cut::Sends) => "HALB sends single bytes",
        }
    }
}

/// What was seen instead of a block, to be written in its place.
pub struct Correction {
    pub block: Range<usize>,
    pub lines: Vec<String>,
}

/// Bytes longer than this go by larger pieces than one byte, but not by a round number of them.
const LONG_BYTES: usize = 20_000;
const LONG_PIECE: usize = 997;

/// What a stage for this case is made from.
pub fn setting(case: &Case) -> Result<Setting, String> {
    let mut files = Vec::new();
    for (path, block) in &case.files {
        let block: Vec<&str> = block.iter().map(String::as_str).collect();
        files.push((path.clone(), notation::read(&block, &[])?));
    }
    Ok(Setting {
        files,
        properties: case.properties.join("\n") + "\n",
        outputs: case.outputs,
        refusing: case.refusing.clone(),
    })
}

/// Plays `case`; with `corrections`, blocks that differ are put there instead of failing.
pub fn play(
    stage: &Stage,
    case: &Case,
    mode: Mode,
    corrections: Option<&mut Vec<Correction>>,
) -> Result<(), String> {
    let mut play = Play {
        stage,
        clients: BTreeMap::new(),
        outputs: BTreeMap::new(),
        gone: Vec::new(),
        joins: mode != Mode::AsWritten || case.chunks_vary,
        sent: Vec::new(),
        corrections,
    };
    play.set_pace(case, mode)?;
    for step in &case.steps {
        play.step(step)
            .map_err(|fault| format!("line {}: {}", step.line, fault))?;
    }
    play.wind_up()
}

struct Play<'p> {
    stage: &'p Stage,
    clients: BTreeMap<usize, Side>,
    outputs: BTreeMap<(usize, usize), Side>,
    gone: Vec<Actor>,
    joins: bool,
    /// All that our sides have sent: what of it comes back is not HALB's own.
    sent: Vec<u8>,
    corrections: Option<&'p mut Vec<Correction>>,
}

impl Play<'_> {
    fn set_pace(&self, case: &Case, mode: Mode) -> Result<(), String> {
        let mut longest = 0;
        for step in &case.steps {
            if let Deed::Sends(block) = &step.deed {
                longest = longest.max(self.bytes(block)?.len());
            }
        }
        let piece = if longest > LONG_BYTES { LONG_PIECE } else { 1 };
        let pace = &self.stage.pace;
        for (cut, most) in [
            (Cut::Clients, &pace.from_clients),
            (Cut::Outputs, &pace.from_outputs),
            (Cut::Sends, &pace.sent),
        ] {
            let is_cut = mode == Mode::Pieces(cut);
            most.store(if is_cut { piece } else { usize::MAX }, Ordering::SeqCst);
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let actor = step.actor;
        match &step.deed {
            Deed::Connects => self.side(actor).map(|_| ()),
            Deed::Sends(block) => {
                let bytes = self.bytes(block)?;
                self.sent.extend_from_slice(&bytes);
                self.side(actor)?.send(bytes).map_err(text)
            }
            Deed::Sees(block) => self.see(step, block),
            Deed::Ends => self.side(actor)?.end().map_err(text),
            Deed::Closes => self.take(actor)?.close().map_err(text),
            Deed::Resets => self.take(actor)?.reset().map_err(text),
            Deed::SeesEnd => self.see_over(actor, &[Over::End]),
            Deed::SeesReset => self.see_over(actor, &[Over::Reset]),
            Deed::SeesClose => self.see_over(actor, &[Over::End, Over::Reset]),
            Deed::SeesNothing => {
                self.fence()?;
                let seen = self.side(actor)?.sees_nothing();
                seen.map_err(|mismatch| self.show(" nothing", &mismatch))
            }
        }
    }

    fn see(&mut self, step: &Step, block: &[String]) -> Result<(), String> {
        let wanted = self.bytes(block)?;
        let Err(mismatch) = self.side(step.actor)?.see(&wanted) else {
            return Ok(());
        };
        if self.corrections.is_none() {
            let expected = format!("\n{}", indent(block));
            return Err(self.show(&expected, &mismatch));
        }
        let seen = self.side(step.actor)?.take_rest();
        let lines = self.write(&seen);
        if let Some(corrections) = &mut self.corrections {
            let block = step.block.clone();
            corrections.push(Correction { block, lines });
        }
        Ok(())
    }

    fn see_over(&mut self, actor: Actor, wanted: &[Over]) -> Result<(), String> {
        match self.side(actor)?.see_over() {
            Ok(over) if wanted.contains(&over) => Ok(()),
            Ok(over) => Err(format!("expected {wanted:?}, seen {over:?}")),
            Err(mismatch) => Err(self.show(&format!(" {wanted:?}"), &mismatch)),
        }
    }

    /// A whole exchange on connections of its own: HALB has been round its loop since anything before it came.
    fn fence(&mut self) -> Result<(), String> {
        let mut client = Side::new(self.stage.client().map_err(text)?, false);
        let request = b"GET /fence HTTP/1.0\r\nHost: fence\r\n\r\n";
        client.send(request.to_vec()).map_err(text)?;
        let output = self.stage.accept(0);
        let output = output.map_err(|_| "the fence got no connection of its own".to_owned())?;
        let mut output = Side::new(output, false);
        let differs = |_| "the fence did not work".to_owned();
        output
            .see(b"GET /fence HTTP/1.1\r\nHost: fence\r\n")
            .map_err(differs)?;
        let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        output.send(answer.to_vec()).map_err(text)?;
        client.see(b"HTTP/1.1 204 No Content\r\n").map_err(differs)
    }

    /// Ends every connection that is still open, and sees that nothing more comes on it. The outputs' connections may
    /// be reset then: HALB throws away what it has not read.
    fn wind_up(mut self) -> Result<(), String> {
        let clients = std::mem::take(&mut self.clients);
        for (number, side) in clients {
            let expected = side.over_seen;
            let over = self.end_of(&format!("client/{number}"), side)?;
            if over == Over::Reset && !expected {
                return Err(format!("at the end client/{number} was reset"));
            }
        }
        let outputs = std::mem::take(&mut self.outputs);
        for ((number, connection), side) in outputs {
            self.end_of(&format!("out{number}/{connection}"), side)?;
        }
        match self.stage.has_unexpected() {
            Some(output) => Err(format!("out{} got a connection too many", output + 1)),
            None => Ok(()),
        }
    }

    fn end_of(&self, name: &str, mut side: Side) -> Result<Over, String> {
        let flushed = side.flush();
        flushed.map_err(|error| format!("what {name} sends is not taken: {error}"))?;
        if !side.ended {
            // It fails when the other end has been reset, which is seen next.
            drop(side.end());
        }
        let over = side.see_over();
        over.map_err(|mismatch| {
            let shown = self.show(" nothing more and the end", &mismatch);
            format!("at the end of {name}: {shown}")
        })
    }

    /// The actor's connection, which begins when it is first named.
    fn side(&mut self, actor: Actor) -> Result<&mut Side, String> {
        if self.gone.contains(&actor) {
            return Err("it has closed its connection".to_owned());
        }
        match actor {
            Actor::Client(number) => {
                if !self.clients.contains_key(&number) {
                    let stream = self.stage.client().map_err(text)?;
                    self.clients.insert(number, Side::new(stream, self.joins));
                }
                self.clients.get_mut(&number)
            }
            Actor::Output { number, connection } => {
                let key = (number, connection);
                if !self.outputs.contains_key(&key) {
                    self.accept(number, connection)?;
                }
                self.outputs.get_mut(&key)
            }
        }
        .ok_or_else(|| "it is not there".to_owned())
    }

    fn accept(&mut self, number: usize, connection: usize) -> Result<(), String> {
        let is_there = |connection| {
            self.outputs.contains_key(&(number, connection))
                || self.gone.contains(&Actor::Output { number, connection })
        };
        if !(1..connection).all(is_there) {
            return Err("connections are named in their order".to_owned());
        }
        let accepted = self.stage.accept(number - 1);
        let stream = accepted.map_err(|error| format!("no connection comes: {error}"))?;
        self.outputs
            .insert((number, connection), Side::new(stream, self.joins));
        Ok(())
    }

    fn take(&mut self, actor: Actor) -> Result<Side, String> {
        self.side(actor)?;
        self.gone.push(actor);
        let side = match actor {
            Actor::Client(number) => self.clients.remove(&number),
            Actor::Output { number, connection } => self.outputs.remove(&(number, connection)),
        };
        side.ok_or_else(|| "it is not there".to_owned())
    }

    fn bytes(&self, block: &[String]) -> Result<Vec<u8>, String> {
        let block: Vec<&str> = block.iter().map(String::as_str).collect();
        notation::read(&block, &self.stage.addresses)
    }

    fn write(&self, bytes: &[u8]) -> Vec<String> {
        notation::write(bytes, &self.stage.addresses, |date| {
            !self.sent.windows(date.len()).any(|other| other == date)
        })
    }

    fn show(&self, expected: &str, mismatch: &Mismatch) -> String {
        let mut shown = format!("expected{expected}\nseen");
        if mismatch.seen.is_empty() {
            shown.push_str(" nothing");
        } else {
            shown.push('\n');
            shown.push_str(&indent(&self.write(&mismatch.seen)));
        }
        let over = match mismatch.over {
            Some(Over::End) => "and then the end of the stream",
            Some(Over::Reset) => "and then a reset",
            None => "and nothing more",
        };
        let _ = write!(shown, "\n{over}"); // a String takes everything
        shown
    }
}

fn indent(lines: &[String]) -> String {
    let lines: Vec<String> = lines
        .iter()
        .map(|line| format!("{BLOCK_START}{line}").trim_end().to_owned())
        .collect();
    lines.join("\n")
}

fn text(error: io::Error) -> String {
    error.to_string()
}
