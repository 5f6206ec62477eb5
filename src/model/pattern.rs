//! The Perl regular expressions of `healthcheck_regexp`.

use fancy_regex::BytesMode;
use fancy_regex::CompileError;
use fancy_regex::Error;
use fancy_regex::Regex;
use fancy_regex::RegexBuilder;

/// How often a match with look-around or a back-reference may step back before it counts as none: about ten
/// times for each byte of the largest document that a probe reads, since a plain failure at a byte is a step, too.
/// Patterns without them run on an engine whose time is linear in the document.
pub const STEPS_MAX: usize = 10_000_000;

/// Compiles a pattern, or says where and why it does not compile. It is searched in bytes, whatever they are:
/// letters and classes of letters mean UTF-8.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    let compiled = RegexBuilder::new(pattern)
        .backtrack_limit(STEPS_MAX)
        .bytes_mode(BytesMode::UnicodeBytes)
        .build();
    compiled.map_err(|error| sentence(pattern, &error))
}

fn sentence(pattern: &str, error: &Error) -> String {
    match error {
        Error::ParseError(offset, cause) => at(pattern, *offset, &cause.to_string()),
        Error::CompileError(cause) => match cause.as_ref() {
            CompileError::InnerError(inner) => match inner.syntax_error() {
                Some(regex_syntax::Error::Parse(inner)) => {
                    let offset = inner.span().start.offset;
                    within(pattern, inner.pattern(), offset, &inner.kind().to_string())
                }
                Some(regex_syntax::Error::Translate(inner)) => {
                    let offset = inner.span().start.offset;
                    within(pattern, inner.pattern(), offset, &inner.kind().to_string())
                }
                Some(_) | None => match inner.size_limit() {
                    Some(_) => "the pattern is too large when compiled".to_owned(),
                    None => inner.to_string(),
                },
            },
            other => other.to_string(),
        },
        other => other.to_string(),
    }
}

/// The linear engine is given pieces of the pattern and counts from the start of its piece.
fn within(pattern: &str, piece: &str, offset: usize, cause: &str) -> String {
    match pattern.find(piece) {
        Some(start) => at(pattern, start + offset, cause),
        None => format!("in {piece:?}: {cause}"),
    }
}

fn at(pattern: &str, offset: usize, cause: &str) -> String {
    let before = pattern
        .char_indices()
        .take_while(|(index, _)| *index < offset)
        .count();
    let mut letters = cause.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let cause: String = first.into_iter().chain(letters).collect();
    format!("at character {}: {cause}", before + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_does_not_compile_is_shown_with_its_position() {
        for (pattern, sentence) in [
            (
                "ok (",
                "at character 5: opening parenthesis without closing parenthesis",
            ),
            ("*a", "at character 1: target of repeat operator is invalid"),
            (
                "é[z-a]",
                "at character 3: invalid character class range, the start must be <= the end",
            ),
            (
                "a(?=b)c[z-a]",
                "at character 9: invalid character class range, the start must be <= the end",
            ),
            ("\\1", "Invalid back reference to group 1"),
            ("a{99999999}", "the pattern is too large when compiled"),
        ] {
            assert_eq!(
                compile(pattern).err().as_deref(),
                Some(sentence),
                "{pattern}"
            );
        }
    }

    #[test]
    fn perl_s_look_around_and_back_references_work() {
        let found = |pattern: &str, text: &str| {
            compile(pattern)
                .expect("it compiles")
                .is_match(text)
                .expect("few steps")
        };
        assert!(found("ALL_SERVICES_ARE_OK", "<p>ALL_SERVICES_ARE_OK</p>"));
        assert!(found(r"(?<!NOT )OK(?=\s)", "status: OK\n"));
        assert!(!found(r"(?<!NOT )OK(?=\s)", "status: NOT OK\n"));
        assert!(found(r"<(\w+)>up</\1>", "<b>up</b>") && !found(r"<(\w+)>up</\1>", "<b>up</i>"));
    }

    #[test]
    fn steps_are_bounded() {
        let greedy = compile(r"(x+x+)+(?=y)\b").expect("it compiles");
        assert!(greedy.is_match(&"x".repeat(64)).is_err());
    }
}
