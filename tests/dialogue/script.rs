//! Dialogue files: cases, and what is done in each, step by step.

use std::ops::Range;

use crate::notation;

/// One case of a file.
#[derive(Debug)]
pub struct Case {
    /// What has to hold, with where that is written.
    pub sentence: String,
    /// Where it begins, from one.
    pub line: usize,
    /// Properties that differ from the defaults, as TOML: one to a line.
    pub properties: Vec<String>,
    /// How many outputs there are.
    pub outputs: usize,
    /// Those that refuse connections, by number.
    pub refusing: Vec<usize>,
    /// What is not taken to pieces, each with a reason in the file.
    pub whole: Vec<Cut>,
    /// Files that the configuration names: path and block.
    pub files: Vec<(String, Vec<String>)>,
    /// How a body is cut into chunks depends on how the kernel hands it over.
    pub chunks_vary: bool,
    pub steps: Vec<Step>,
}

/// What can be taken to pieces of one byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// What HALB reads from clients.
    Clients,
    /// What HALB reads from outputs.
    Outputs,
    /// What HALB sends.
    Sends,
}

/// One step of a case.
#[derive(Debug)]
pub struct Step {
    /// Where it stands, from one.
    pub line: usize,
    pub actor: Actor,
    pub deed: Deed,
    /// The lines of its block, from zero.
    pub block: Range<usize>,
}

/// Who does or sees something; connections are counted from one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Actor {
    Client(usize),
    Output { number: usize, connection: usize },
}

/// What is done or seen. Blocks are kept as they stand: addresses are not known before the case is played.
#[derive(PartialEq, Eq, Debug)]
pub enum Deed {
    Connects,
    Sends(Vec<String>),
    Sees(Vec<String>),
    /// Sends the end of its stream.
    Ends,
    Closes,
    Resets,
    SeesEnd,
    SeesReset,
    /// The end of the stream or a reset: which one is left to the kernel.
    SeesClose,
    /// Nothing has come, though everything else has been done that there was to do.
    SeesNothing,
}

/// Reads a file; the fault says in which line it is.
pub fn read(text: &str) -> Result<Vec<Case>, String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut cases: Vec<Case> = Vec::new();
    let mut for_all = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let number = at + 1;
        let place = |fault: String| format!("line {number}: {fault}");
        if let Some(sentence) = line.strip_prefix("== ") {
            let (sentence, next) = read_sentence(&lines, at + 1, sentence);
            cases.push(Case::new(sentence, number, &for_all));
            at = next;
        } else if line.trim().is_empty() || line.starts_with('#') {
            at += 1;
        } else if let (Some(property), true) = (line.strip_prefix("set "), cases.is_empty()) {
            for_all.push(property.to_owned());
            at += 1;
        } else {
            let case = cases.last_mut();
            let case = case.ok_or_else(|| place("a case begins with `== `".to_owned()))?;
            let block = at + 1..block_end(&lines, at + 1);
            let content = lines[block.clone()]
                .iter()
                .map(|line| strip(line).to_owned());
            let content: Vec<String> = content.collect();
            at = block.end;
            if let Some(path) = line.strip_prefix("file ") {
                case.files.push((path.to_owned(), content));
            } else if !read_setting(case, line).map_err(place)? {
                let step = read_step(line, number, block, content).map_err(place)?;
                case.steps.push(step);
            } else if !block.is_empty() {
                return Err(place("this setting has no block".to_owned()));
            }
        }
    }
    for case in &cases {
        case.check()
            .map_err(|fault| format!("line {}: {fault}", case.line))?;
    }
    Ok(cases)
}

/// How a line of a block begins.
pub const BLOCK_START: &str = "  | ";

impl Case {
    fn new(sentence: String, line: usize, properties: &[String]) -> Case {
        Case {
            sentence,
            line,
            properties: properties.to_vec(),
            outputs: 1,
            refusing: Vec::new(),
            whole: Vec::new(),
            files: Vec::new(),
            chunks_vary: false,
            steps: Vec::new(),
        }
    }

    /// The last word on a property counts.
    fn set(&mut self, property: &str) {
        let name = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
        self.properties
            .retain(|other| name(other) != name(property));
        self.properties.push(property.to_owned());
    }

    fn check(&self) -> Result<(), String> {
        let sees = |deed: &Deed| {
            matches!(
                deed,
                Deed::Sees(_)
                    | Deed::SeesEnd
                    | Deed::SeesReset
                    | Deed::SeesClose
                    | Deed::SeesNothing
            )
        };
        if !self.steps.iter().any(|step| sees(&step.deed)) {
            return Err("nobody sees anything in this case".to_owned());
        }
        let addresses = vec!["127.0.0.1:1".to_owned(); self.outputs];
        for step in &self.steps {
            if let Deed::Sends(block) | Deed::Sees(block) = &step.deed {
                let block: Vec<&str> = block.iter().map(String::as_str).collect();
                notation::read(&block, &addresses)
                    .map_err(|fault| format!("the step in line {}: {fault}", step.line))?;
            }
            if let Actor::Output { number, .. } = step.actor
                && number > self.outputs
            {
                return Err(format!("there is no output {number} (`outputs {number}`)"));
            }
        }
        Ok(())
    }
}

/// The sentence may go on in indented lines.
fn read_sentence(lines: &[&str], next: usize, first: &str) -> (String, usize) {
    let mut sentence = first.trim().to_owned();
    let mut at = next;
    while let Some(more) = lines.get(at).filter(|line| line.starts_with("   ")) {
        sentence.push(' ');
        sentence.push_str(more.trim());
        at += 1;
    }
    (sentence, at)
}

fn block_end(lines: &[&str], start: usize) -> usize {
    let is_block = |line: &&&str| line.trim_start().starts_with('|');
    start + lines[start..].iter().take_while(is_block).count()
}

/// What stands behind the bar and one space.
fn strip(line: &str) -> &str {
    let text = line.trim_start().strip_prefix('|').unwrap_or_default();
    text.strip_prefix(' ').unwrap_or(text)
}

/// Whether the line was one.
fn read_setting(case: &mut Case, line: &str) -> Result<bool, String> {
    if let Some(property) = line.strip_prefix("set ") {
        case.set(property);
    } else if let Some(count) = line.strip_prefix("outputs ") {
        let count = count.parse::<usize>();
        case.outputs = count.map_err(|_| "how many outputs?".to_owned())?;
    } else if let Some(rest) = line.strip_prefix("whole ") {
        let reason = rest
            .split_once(": ")
            .filter(|(_, reason)| !reason.trim().is_empty());
        let (what, _) = reason.ok_or("say why: `whole clients: REASON`")?;
        match what {
            "clients" => case.whole.push(Cut::Clients),
            "outputs" => case.whole.push(Cut::Outputs),
            "sends" => case.whole.push(Cut::Sends),
            "everything" => case.whole.extend([Cut::Clients, Cut::Outputs, Cut::Sends]),
            other => return Err(format!("`{other}`: clients, outputs, sends or everything")),
        }
    } else if line
        .strip_prefix("chunks vary: ")
        .is_some_and(|reason| !reason.is_empty())
    {
        case.chunks_vary = true;
    } else if let Some(name) = line.strip_suffix(" refuses") {
        let Actor::Output { number, .. } = read_actor(name)? else {
            return Err("only an output refuses".to_owned());
        };
        case.refusing.push(number);
    } else {
        return Ok(false);
    }
    if case.steps.is_empty() {
        Ok(true)
    } else {
        Err("settings go before the first step".to_owned())
    }
}

fn read_step(
    line: &str,
    number: usize,
    block: Range<usize>,
    content: Vec<String>,
) -> Result<Step, String> {
    let (name, deed) = line
        .split_once(' ')
        .ok_or_else(|| format!("`{line}` is no step"))?;
    let actor = read_actor(name)?;
    let deed = match (deed, block.is_empty()) {
        ("sends", false) => Deed::Sends(content),
        ("sees", false) => Deed::Sees(content),
        ("sends" | "sees", true) => return Err("the block is missing".to_owned()),
        (_, false) => return Err(format!("`{deed}` has no block")),
        ("connects", _) if matches!(actor, Actor::Client(_)) => Deed::Connects,
        ("ends", _) => Deed::Ends,
        ("closes", _) => Deed::Closes,
        ("resets", _) => Deed::Resets,
        ("sees the end", _) => Deed::SeesEnd,
        ("sees a reset", _) => Deed::SeesReset,
        ("sees a close", _) => Deed::SeesClose,
        ("sees nothing", _) => Deed::SeesNothing,
        (other, _) => return Err(format!("`{name} {other}` is no step")),
    };
    Ok(Step {
        line: number,
        actor,
        deed,
        block,
    })
}

/// `client`, `client/2`, `out1`, `out1/2`
fn read_actor(name: &str) -> Result<Actor, String> {
    let (base, count) = name.split_once('/').unwrap_or((name, "1"));
    let positive = |text: &str| text.parse::<usize>().ok().filter(|number| *number > 0);
    let unknown = || format!("who is `{name}`?");
    let connection = positive(count).ok_or_else(unknown)?;
    if base == "client" {
        return Ok(Actor::Client(connection));
    }
    let number = base.strip_prefix("out").and_then(positive);
    let number = number.ok_or_else(unknown)?;
    Ok(Actor::Output { number, connection })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "# A file.\nset grace = 1\n== It holds\n   always (RFC 1).\nset via = true\noutputs 2\nout2 refuses\n\
        whole clients: it is cut off\n\nclient/2 sends\n  | a\n  |\n  |   b \\\nout1 sees\n  | {out2}\n\
        client sees the end\n\n== Again.\nset grace = 2\nclient sees a reset\n";

    #[test]
    fn a_file_is_read() {
        let cases = read(SMALL).unwrap();
        let [first, second] = &cases[..] else {
            panic!("two cases")
        };
        assert_eq!(first.sentence, "It holds always (RFC 1).");
        assert_eq!(first.line, 3);
        assert_eq!(first.properties, ["grace = 1", "via = true"]);
        assert_eq!((first.outputs, &first.refusing[..]), (2, &[2][..]));
        assert_eq!(first.whole, [Cut::Clients]);
        let [sends, sees, end] = &first.steps[..] else {
            panic!("three steps")
        };
        assert_eq!((sends.line, sends.actor), (10, Actor::Client(2)));
        assert_eq!(sends.block, 10..13);
        let block = ["a", "", "  b \\"].map(str::to_owned).to_vec();
        assert_eq!(sends.deed, Deed::Sends(block));
        let (number, connection) = (1, 1);
        assert_eq!(sees.actor, Actor::Output { number, connection });
        assert_eq!(end.deed, Deed::SeesEnd);
        assert_eq!((second.line, second.outputs), (18, 1));
        assert_eq!(second.properties, ["grace = 2"], "the last word counts");
    }

    #[test]
    fn a_fault_is_told_with_its_line() {
        let step = "client sees the end\n";
        for (text, line) in [
            ("client sees\n  | a\n".to_owned(), 1),
            ("== A.\nclient sees\n".to_owned(), 2),
            ("== A.\nclient sees the end\n  | a\n".to_owned(), 2),
            (format!("== A.\n{step}set via = true\n"), 3),
            (format!("== A.\n{step}nobody sees the end\n"), 3),
            (format!("== A.\n{step}out0 sees the end\n"), 3),
            (format!("== A.\n{step}out2 sees the end\n"), 1),
            (format!("== A.\n{step}out1 connects\n"), 3),
            (format!("== A.\n{step}client sings\n"), 3),
            (format!("== A.\nwhole clients\n{step}"), 2),
            (format!("== A.\n{step}client sees\n  | {{nothing}}\n"), 1),
            ("== A.\n\n== B.\nclient ends\n".to_owned(), 1),
        ] {
            let fault = read(&text).unwrap_err();
            assert!(
                fault.starts_with(&format!("line {line}: ")),
                "{text}{fault}"
            );
        }
    }
}
