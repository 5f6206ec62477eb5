//! Results of probes in plain words, as operators read them.

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

/// Of a pattern, so much is shown.
const PATTERN_LETTERS_MAX: usize = 60;

/// What a probe found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    Good(Good),
    Bad(Failure),
    /// Nothing, for a reason of our own.
    Unknown(String),
}

/// What speaks for an output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Good {
    Connected,
    /// The status, and what was asked: `GET /`.
    Answered(u16, String),
}

/// What speaks against it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Its name.
    Unresolved(String),
    Refused,
    /// In the kernel's words.
    Unreachable(String),
    /// For so long.
    ConnectTimeout(Duration),
    /// Connected, and then not a byte for so long.
    Silent(Duration),
    /// An answer began, and was not over after so long.
    Slow(Duration),
    /// The connection ended before an answer.
    Closed,
    Reset,
    /// The status, and what was asked.
    Status(u16, String),
    /// What is wrong with it.
    NotHttp(&'static str),
    /// The document ended early, after so many bytes.
    BrokenOff(u64),
    /// The pattern, the bytes that were searched, and whether there were more.
    NotFound(String, u64, bool),
    /// A pattern that needs more steps than it may take.
    TooManySteps(String),
}

/// What a probe took, and what it found.
impl Outcome {
    /// The result with the time it took, where that says something.
    pub fn with_time(&self, took: Duration) -> String {
        match self {
            Outcome::Good(_) | Outcome::Bad(Failure::Status(..)) => {
                format!("{self} after {}", Length(took))
            }
            Outcome::Bad(_) | Outcome::Unknown(_) => self.to_string(),
        }
    }

    pub fn is_good(&self) -> bool {
        matches!(self, Outcome::Good(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Good(Good::Connected) => f.write_str("connected"),
            Outcome::Good(Good::Answered(status, asked)) => write!(f, "HTTP {status} to {asked}"),
            Outcome::Bad(failure) => failure.fmt(f),
            Outcome::Unknown(cause) => write!(f, "no probe could be made: {cause}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unresolved(name) => write!(f, "the name {name} does not resolve"),
            Failure::Refused => f.write_str("connection refused"),
            Failure::Unreachable(cause) => f.write_str(cause),
            Failure::ConnectTimeout(limit) => write!(f, "no connection within {}", Length(*limit)),
            Failure::Silent(limit) => write!(f, "no answer within {}", Length(*limit)),
            Failure::Slow(limit) => {
                write!(f, "the answer was not complete within {}", Length(*limit))
            }
            Failure::Closed => f.write_str("the connection was closed without an answer"),
            Failure::Reset => f.write_str("connection reset"),
            Failure::Status(status, asked) => write!(f, "HTTP {status} to {asked}"),
            Failure::NotHttp(what) => f.write_str(what),
            Failure::BrokenOff(bytes) => {
                write!(f, "the document broke off after {}", Bytes(*bytes))
            }
            Failure::NotFound(pattern, bytes, more) => {
                let first = if *more { "the first " } else { "" };
                write!(f, "{pattern} not found in {first}{}", Bytes(*bytes))
            }
            Failure::TooManySteps(pattern) => {
                write!(f, "the search for {pattern} was given up: too many steps")
            }
        }
    }
}

/// A pattern, short enough for a sentence.
pub fn shown(pattern: &str) -> String {
    if pattern.chars().count() <= PATTERN_LETTERS_MAX {
        return pattern.to_owned();
    }
    let start: String = pattern.chars().take(PATTERN_LETTERS_MAX - 1).collect();
    format!("{start}…")
}

/// A length of time, as people say it.
pub fn length(length: Duration) -> String {
    Length(length).to_string()
}

/// A length of time, as exact as anybody wants to know it.
struct Length(Duration);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        match micros {
            0..1_000 => write!(f, "0.{} ms", micros / 100),
            1_000..1_000_000 => write!(f, "{} ms", micros / 1_000),
            _ => {
                let tenths = micros / 100_000;
                match tenths % 10 {
                    0 => write!(f, "{} s", tenths / 10),
                    tenth => write!(f, "{}.{tenth} s", tenths / 10),
                }
            }
        }
    }
}

/// A count of bytes, its digits in groups.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.char_indices() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        f.write_str(if self.0 == 1 { " byte" } else { " bytes" })
    }
}
