//! The rules that read a file's tokens.

use proc_macro2::Delimiter;
use proc_macro2::Group;
use proc_macro2::Span;
use proc_macro2::TokenStream;
use proc_macro2::TokenTree;

use crate::FUNCTION_LINES_MAX;
use crate::Fault;
use crate::ROOMS;
use crate::Source;
use crate::UNSAFE_ROOM;

/// What breaks a rule in `source`, whose tokens are `stream`.
pub fn check(source: &Source, stream: TokenStream) -> Vec<Fault> {
    let mut reader = Reader {
        source,
        depth: module_depth(&source.path),
        faults: Vec::new(),
    };
    reader.read(stream);
    reader.faults
}

/// Reads the tokens of one file and notes what breaks a rule.
struct Reader<'s> {
    source: &'s Source,
    /// How many modules lie between the crate's root and the tokens being read.
    depth: usize,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn read(&mut self, stream: TokenStream) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(ident) => {
                    self.word(&ident.to_string(), ident.span(), &tokens, at);
                }
                TokenTree::Group(group) => self.group(group, &tokens[..at]),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    fn group(&mut self, group: &Group, before: &[TokenTree]) {
        let after_hash = before.last().is_some_and(|token| is_punct(token, '#'));
        if after_hash && names_ignore(group) {
            self.note(
                group.span_open(),
                "an ignored test is no test: #[ignore] is not used",
            );
        }
        let opens_module = before.len() >= 2 && is_word(&before[before.len() - 2], "mod");
        self.depth += usize::from(opens_module);
        self.read(group.stream());
        self.depth -= usize::from(opens_module);
    }

    fn word(&mut self, word: &str, span: Span, tokens: &[TokenTree], at: usize) {
        let rest = &tokens[at + 1..];
        let next_is = |text: char| rest.first().is_some_and(|token| is_punct(token, text));
        match word {
            "fn" => self.function(span, rest),
            "use" => self.import(span, rest),
            "crate" => self.crate_path(span, tokens, at),
            "super" => self.super_path(span, tokens, at),
            "unsafe" => self.unsafe_word(span),
            "todo" | "unimplemented" if next_is('!') => {
                self.note(span, format!("{word}! is not committed"));
            }
            _ => {}
        }
    }

    /// A function's length is counted as a reader sees it: from `fn` to its closing brace, comments included.
    fn function(&mut self, span: Span, rest: &[TokenTree]) {
        let Some(TokenTree::Ident(name)) = rest.first() else {
            return; // a function pointer's type
        };
        let Some(body) = body_of(rest) else { return };
        let lines = body.span_close().end().line + 1 - span.start().line;
        if lines > FUNCTION_LINES_MAX {
            let rule =
                format!("a function has at most {FUNCTION_LINES_MAX} lines, `{name}` has {lines}");
            self.note(span, rule);
        }
    }

    fn import(&mut self, span: Span, rest: &[TokenTree]) {
        let path = rest.iter().take_while(|token| !is_punct(token, ';'));
        if rest.first().is_some_and(|token| is_punct(token, '<')) {
            return; // `use<'a>` in a type
        }
        if path.into_iter().any(is_braces) {
            self.note(span, "one path per `use`, without braces");
        }
    }

    fn unsafe_word(&mut self, span: Span) {
        let in_source = self.source.path.starts_with("src/");
        if in_source && self.source.room() != Some(UNSAFE_ROOM) {
            self.note(span, format!("`unsafe` lives in src/{UNSAFE_ROOM} only"));
        }
    }

    fn crate_path(&mut self, span: Span, tokens: &[TokenTree], at: usize) {
        let after_extern = at > 0 && is_word(&tokens[at - 1], "extern");
        if after_extern {
            self.note(span, "`extern crate` hides a path from the layer rule");
        } else if let Some(path) = path_behind(&tokens[at + 1..]) {
            self.layer(span, &path);
        }
    }

    /// A chain of `super` that reaches the crate's root names a room just as `crate` does.
    fn super_path(&mut self, span: Span, tokens: &[TokenTree], at: usize) {
        let inside_chain =
            at >= 3 && is_word(&tokens[at - 3], "super") && is_colons(tokens, at - 2);
        if inside_chain {
            return;
        }
        let Some(path) = path_behind(&tokens[at + 1..]) else {
            return;
        };
        let more = path.iter().take_while(|part| *part == "super").count();
        if 1 + more >= self.depth {
            self.layer(span, &path[more..]);
        }
    }

    fn layer(&mut self, span: Span, path: &[String]) {
        let Some(room) = self.source.room() else {
            return;
        };
        let allowed = ROOMS.iter().find(|(name, _)| *name == room);
        let covers = |prefix: &str| {
            let parts: Vec<&str> = prefix.split("::").collect();
            path.len() >= parts.len() && parts.iter().zip(path).all(|(part, word)| part == word)
        };
        let may = covers(room) || allowed.is_some_and(|(_, list)| list.iter().any(|p| covers(p)));
        if !may {
            let rule = format!("room `{room}` may not name `crate::{}`", path.join("::"));
            self.note(span, rule);
        }
    }

    fn note(&mut self, span: Span, rule: impl Into<String>) {
        self.faults.push(self.source.fault(span.start().line, rule));
    }
}

/// The braces that follow a function's signature, if it has a body.
fn body_of(rest: &[TokenTree]) -> Option<&Group> {
    let end = rest
        .iter()
        .find(|token| is_punct(token, ';') || is_braces(token))?;
    match end {
        TokenTree::Group(group) => Some(group),
        TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    }
}

/// The words of `::a::b::c`, as far as they go; an empty list for `::{…}` and `::*`.
fn path_behind(tokens: &[TokenTree]) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut at = 0;
    while is_colons(tokens, at) {
        match tokens.get(at + 2) {
            Some(TokenTree::Ident(word)) => words.push(word.to_string()),
            Some(_) | None => break,
        }
        at += 3;
    }
    is_colons(tokens, 0).then_some(words)
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at: usize| tokens.get(at).is_some_and(|token| is_punct(token, ':'));
    colon(at) && colon(at + 1)
}

fn is_punct(token: &TokenTree, text: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == text)
}

fn is_word(token: &TokenTree, text: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == text)
}

fn is_braces(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// `ignore`, `ignore = "…"`, or `cfg_attr(…, ignore)`.
fn names_ignore(attribute: &Group) -> bool {
    let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Ident(first), ..] if first == "ignore" => true,
        [TokenTree::Ident(first), TokenTree::Group(list), ..] if first == "cfg_attr" => list
            .stream()
            .into_iter()
            .any(|token| is_word(&token, "ignore")),
        _ => false,
    }
}

/// `src/a/mod.rs` and `src/a.rs` are one below the root, `src/a/b.rs` two.
fn module_depth(path: &str) -> usize {
    let parts = path.split('/').count() - 1;
    let is_root = ["src/lib.rs", "src/main.rs"].contains(&path);
    parts - usize::from(is_root || path.ends_with("/mod.rs"))
}
