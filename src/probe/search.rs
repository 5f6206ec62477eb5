//! `healthcheck_regexp` in a document.
//!
//! A pattern of which a finite automaton can be made is searched while the document comes, and nothing of the document is kept.
//! Any other pattern (look-around, back-references, word boundaries, …) is searched in the whole document,
//! by the engine that also checks it when the configuration is read. Both read a pattern with that engine's
//! parser, so that it means the same to both.
//!
//! `$` is Perl's: it also stands before a newline that ends the document. Since a pattern cannot tell that end
//! from the other, the document is searched a second time without that newline.

#[cfg(test)]
mod tests;

use fancy_regex::Assertion;
use fancy_regex::Expr;
use fancy_regex::Regex;
use regex_automata::Anchored;
use regex_automata::MatchKind;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::Cache;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson;
use regex_automata::util::start;
use regex_automata::util::syntax;

use crate::model::pattern;

/// What the states of one search may take; when it is full they are forgotten and made anew.
const CACHE_BYTES: usize = 256 * 1024;
/// An automaton of more than this is not worth its memory; the other engine has bounds of its own.
const AUTOMATON_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A pattern, ready to be searched.
pub struct Search {
    pattern: String,
    engine: Engine,
    /// The pattern has a `$`, and no `\z`.
    ends_before_newline: bool,
}

enum Engine {
    Stepped(Box<DFA>),
    Whole(Box<Regex>),
}

/// A search that goes on while its document comes.
#[derive(Clone)]
pub struct Scan {
    cache: Cache,
    state: LazyStateID,
    /// The last byte so far is a newline. Until more comes, the automaton has not seen it.
    newline: bool,
    matched: bool,
}

/// A pattern needed more steps than it may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooManySteps;

impl Search {
    /// Compiles a pattern, or says where and why it does not compile.
    pub fn new(pattern: &str) -> Result<Search, String> {
        let regex = pattern::compile(pattern)?;
        let tree = Expr::parse_tree(pattern).ok();
        let anchored = tree.as_ref().is_some_and(|tree| has_end(&tree.expr));
        let plain = tree.filter(|tree| is_regular(&tree.expr));
        let automaton = plain.and_then(|tree| {
            let mut text = String::new();
            tree.expr.to_str(&mut text, 0);
            automaton(&text)
        });
        let engine = match automaton {
            Some(automaton) => Engine::Stepped(Box::new(automaton)),
            None => Engine::Whole(Box::new(regex)),
        };
        Ok(Search {
            pattern: pattern.to_owned(),
            engine,
            ends_before_newline: anchored && !has_strict_end(pattern),
        })
    }

    /// As it was configured.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Begins a search while the document comes. `None`: the pattern needs the whole document at once.
    pub fn scan(&self) -> Option<Scan> {
        let Engine::Stepped(automaton) = &self.engine else {
            return None;
        };
        let mut cache = automaton.create_cache();
        let start = start::Config::new().anchored(Anchored::No);
        let state = automaton.start_state(&mut cache, &start).ok()?;
        Some(Scan {
            cache,
            state,
            newline: false,
            matched: false,
        })
    }

    /// Goes on with it. `true`: the pattern is found, whatever else comes.
    pub fn on_bytes(&self, scan: &mut Scan, bytes: &[u8]) -> bool {
        let Some((last, rest)) = bytes.split_last() else {
            return scan.matched;
        };
        let newline = std::mem::replace(&mut scan.newline, *last == b'\n');
        let held = if newline { &b"\n"[..] } else { b"" };
        let bytes = if scan.newline { rest } else { bytes };
        for byte in held.iter().chain(bytes) {
            if scan.matched {
                break;
            }
            self.step(scan, Some(*byte));
        }
        scan.matched
    }

    /// The document is over. Whether the pattern is found.
    pub fn on_end(&self, mut scan: Scan) -> bool {
        if scan.newline && self.ends_before_newline {
            // A copy, because a step may forget all other states.
            let mut earlier = scan.clone();
            self.step(&mut earlier, None);
            scan.matched |= earlier.matched;
        }
        if scan.newline {
            self.step(&mut scan, Some(b'\n'));
        }
        self.step(&mut scan, None);
        scan.matched
    }

    /// Whether the pattern is found in a whole document. It may take long: up to `STEPS_MAX` steps.
    pub fn in_whole(&self, document: &[u8]) -> Result<bool, TooManySteps> {
        let regex = match &self.engine {
            Engine::Whole(regex) => regex,
            Engine::Stepped(_) => {
                return Ok(self.scan().is_some_and(|mut scan| {
                    self.on_bytes(&mut scan, document) || self.on_end(scan)
                }));
            }
        };
        let found = |document: &[u8]| regex.is_match(document).map_err(|_| TooManySteps);
        if found(document)? {
            return Ok(true);
        }
        match document.strip_suffix(b"\n") {
            Some(shorter) if self.ends_before_newline => found(shorter),
            _ => Ok(false),
        }
    }

    /// One byte, or the end.
    fn step(&self, scan: &mut Scan, byte: Option<u8>) {
        let Engine::Stepped(automaton) = &self.engine else {
            return;
        };
        if scan.matched {
            return;
        }
        let next = match byte {
            Some(byte) => automaton.next_state(&mut scan.cache, scan.state, byte),
            None => automaton.next_eoi_state(&mut scan.cache, scan.state),
        };
        scan.state = next.expect("the states may be forgotten as often as need be");
        scan.matched = scan.state.is_match();
    }
}

/// Builds the automaton of a pattern, in the syntax that its crate knows.
fn automaton(pattern: &str) -> Option<DFA> {
    let config = DFA::config()
        .match_kind(MatchKind::All)
        .cache_capacity(CACHE_BYTES)
        .skip_cache_capacity_check(true);
    let built = DFA::builder()
        .configure(config)
        .syntax(syntax::Config::new().utf8(false))
        .thompson(
            thompson::Config::new()
                .utf8(false)
                .nfa_size_limit(Some(AUTOMATON_BYTES_MAX)),
        )
        .build(pattern);
    built.ok()
}

/// Whether a finite automaton that sees one byte at a time can search for all of it.
fn is_regular(expression: &Expr) -> bool {
    let regular = |expression: &Expr| {
        matches!(
            expression,
            Expr::Empty
                | Expr::Any { .. }
                | Expr::Literal { .. }
                | Expr::Delegate { .. }
                | Expr::Concat(_)
                | Expr::Alt(_)
                | Expr::Group(_)
                | Expr::Repeat { .. }
                | Expr::Assertion(
                    Assertion::StartText
                        | Assertion::EndText
                        | Assertion::StartLine { .. }
                        | Assertion::EndLine { .. }
                )
        )
    };
    regular(expression) && !expression.has_descendant(|inner| !regular(inner))
}

fn has_end(expression: &Expr) -> bool {
    let end = |expression: &Expr| *expression == Expr::Assertion(Assertion::EndText);
    end(expression) || expression.has_descendant(end)
}

/// Whether the pattern has a `\z`, which means the very end.
fn has_strict_end(pattern: &str) -> bool {
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' && letters.next() == Some('z') {
            return true;
        }
    }
    false
}
