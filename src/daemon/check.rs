//! Reads the configuration from where this process finds it, and says what is wrong with it.

use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::control::domain::file::disk::Place;
use crate::control::domain::file::disk::TOO_LONG;
use crate::control::reload::Source;
use crate::control::reload::Trial;
use crate::daemon::EXIT_FAILURE;
use crate::daemon::args::DEFAULT_FILE;
use crate::daemon::args::Options;
use crate::daemon::interface;
use crate::daemon::pair;
use crate::daemon::sizing;
use crate::model::config::Config;
use crate::model::error_page::ERROR_PAGE_BYTES_MAX;
use crate::model::load;
use crate::model::load::Loaded;
use crate::model::load::Sources;
use crate::model::load::finding::Finding;
use crate::model::load::finding::Origin;
use crate::model::load::names;
use crate::pair::file::bytes::TEXT_BYTES_MAX;

/// More than any configuration needs; a device that never ends is refused.
const FILE_BYTES_MAX: usize = 1 << 20;

/// The HALB that runs goes by what was there before.
const MISTAKEN: &str =
    "the configuration has mistakes, which `halb check` lists; this is of the HALB that runs\n";

/// Why there is no configuration.
pub enum Unusable {
    /// The file cannot be read; the sentence says which and why.
    NoFile(String),
    Mistakes(load::Refused),
}

/// `halb check`: findings go to stderr as HAProxy's do, the verdict to stdout.
pub fn verb(options: &Options) -> ExitCode {
    match configuration(options) {
        Ok(mut loaded) => {
            let short = sizing::warnings(&loaded);
            loaded.warnings.extend(short);
            loaded.warnings.extend(domain_warnings(options, &loaded));
            say(&warnings(&loaded.warnings));
            let verdict = match loaded.warnings.len() {
                0 => "Configuration file is valid\n".to_owned(),
                1 => "Configuration file is valid, with 1 warning\n".to_owned(),
                many => format!("Configuration file is valid, with {many} warnings\n"),
            };
            put(&verdict)
        }
        Err(unusable) => {
            say(&unusable.listing());
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// A server of a domain does not start without its key, which another user may be unable to read, holds nothing without
/// its interface, takes no change where it cannot write, and tells the others nothing of a file that is too long.
fn domain_warnings(options: &Options, loaded: &Loaded) -> Vec<Finding> {
    let mut messages = interface::troubles(&loaded.config);
    messages.extend(pair::key_trouble(&loaded.config));
    let name = options.file.as_deref().unwrap_or(DEFAULT_FILE);
    if loaded.config.domain.is_some() {
        let place = Place::of(Path::new(name)).ok();
        messages.extend(place.and_then(|place| place.unwritable()));
    }
    if loaded.config.domain.is_some() && loaded.text.len() > TEXT_BYTES_MAX {
        messages.push(format!(
            "the domain file: {TOO_LONG}: the other servers never get it"
        ));
    }
    let finding = |message| Finding {
        origin: Origin::Default,
        message,
    };
    messages.into_iter().map(finding).collect()
}

/// The configuration of this process: file, environment and command line together.
pub fn configuration(options: &Options) -> Result<Loaded, Unusable> {
    configuration_or(options, DEFAULT_FILE)
}

/// The same as far as it can be read, for whoever looks for the HALB that runs; and what is to be said of it.
pub fn legible(options: &Options) -> (Config, String) {
    match configuration(options) {
        Ok(loaded) => (loaded.config, String::new()),
        Err(Unusable::Mistakes(refused)) => (*refused.legible, MISTAKEN.to_owned()),
        Err(Unusable::NoFile(sentence)) => (without_file(options), format!("{sentence}\n")),
    }
}

/// What the environment and the command line say by themselves.
fn without_file(options: &Options) -> Config {
    match load_with(options, None, &environment()) {
        Ok(loaded) => loaded.config,
        Err(refused) => *refused.legible,
    }
}

/// The same again and again, for reloads; else a line for each mistake and warning.
pub fn source(options: &Options) -> Source {
    let options = options.clone();
    Arc::new(move || {
        configuration(&options).map_err(|unusable| {
            let listing = unusable.listing();
            listing.lines().map(str::to_owned).collect()
        })
    })
}

/// The configuration of this process with `text` in place of what is in its file: for a domain file that is proposed.
pub fn trial(options: &Options) -> Trial {
    let options = options.clone();
    Arc::new(move |text| {
        let name = options.file.as_deref().unwrap_or(DEFAULT_FILE);
        let file = load::File { name, bytes: text };
        let loaded = load_with(&options, Some(file), &environment());
        loaded.map_err(|mut refused| {
            // Who wants to know why it is refused has enough to read.
            refused.warnings.clear();
            let listing = Unusable::Mistakes(refused).listing();
            listing.lines().map(str::to_owned).collect()
        })
    })
}

fn configuration_or(options: &Options, default_file: &str) -> Result<Loaded, Unusable> {
    let environment = environment();
    let name = options.file.as_deref().unwrap_or(default_file);
    let mut absent = None;
    let bytes = match read(Path::new(name)) {
        Ok(bytes) => bytes,
        // In a container everything may come from the environment.
        Err(error)
            if error.kind() == io::ErrorKind::NotFound
                && options.file.is_none()
                && gives_any(options, &environment) =>
        {
            let message = format!("{name} does not exist: defaults stand in its place");
            absent = Some(Finding {
                origin: Origin::Default,
                message,
            });
            Vec::new()
        }
        Err(error) => return Err(unreadable(name, &error)),
    };
    let file = load::File {
        name,
        bytes: &bytes,
    };
    match load_with(options, absent.is_none().then_some(file), &environment) {
        Ok(mut loaded) => {
            loaded.warnings.extend(absent);
            Ok(loaded)
        }
        Err(refused) => Err(Unusable::Mistakes(refused)),
    }
}

fn load_with(
    options: &Options,
    file: Option<load::File<'_>>,
    environment: &[(String, Option<String>)],
) -> Result<Loaded, load::Refused> {
    let host_name = nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok());
    load::load(&Sources {
        file,
        environment,
        sets: &options.sets,
        node: options.node.as_deref(),
        host_name: host_name.as_deref(),
        read: &|path| start_of(path, ERROR_PAGE_BYTES_MAX + 1).map_err(|error| error.to_string()),
    })
}

impl Unusable {
    /// A line for each mistake and warning, then their number.
    pub fn listing(&self) -> String {
        match self {
            Unusable::NoFile(sentence) => format!("{sentence}\n"),
            Unusable::Mistakes(refused) => {
                let mut lines = warnings(&refused.warnings);
                for mistake in &refused.mistakes {
                    lines.push_str(&format!("{mistake}\n"));
                }
                let verdict = match refused.mistakes.len() {
                    1 => "1 mistake in the configuration\n".to_owned(),
                    many => format!("{many} mistakes in the configuration\n"),
                };
                lines + &verdict
            }
        }
    }
}

/// A line for each warning.
pub fn warnings(warnings: &[Finding]) -> String {
    let marked = warnings.iter().map(|warning| Finding {
        origin: warning.origin.clone(),
        message: format!("warning: {}", warning.message),
    });
    marked.map(|warning| format!("{warning}\n")).collect()
}

/// Writes to stdout; a reader that went away is a failure, not a panic.
pub fn put(text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(EXIT_FAILURE),
    }
}

/// Writes to stderr. When that fails there is nobody left to tell.
pub fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn unreadable(name: &str, error: &io::Error) -> Unusable {
    let sentence = format!("cannot read {name}: {error} (-f FILE names the configuration file)");
    Unusable::NoFile(sentence)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = start_of(path, FILE_BYTES_MAX + 1)?;
    if bytes.len() <= FILE_BYTES_MAX {
        Ok(bytes)
    } else {
        Err(io::Error::other("it is longer than 1 MiB"))
    }
}

/// What is in a file, at most so many bytes of it.
fn start_of(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(most as u64)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn environment() -> Vec<(String, Option<String>)> {
    let ours = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        name.starts_with(names::PREFIX)
            .then(|| (name, value.into_string().ok()))
    });
    let mut ours: Vec<(String, Option<String>)> = ours.collect();
    ours.sort();
    ours
}

/// Whether any property comes from outside the file.
fn gives_any(options: &Options, environment: &[(String, Option<String>)]) -> bool {
    let given = |name: &str| matches!(names::variable(name), names::Variable::Property(_));
    !options.sets.is_empty() || environment.iter().any(|(name, _)| given(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where no test and no user puts a file.
    const NOWHERE: &str = "/nonexistent/halb.toml";

    #[test]
    fn the_default_file_may_be_absent_when_something_else_is_said() {
        let mut options = Options::default();
        let Err(Unusable::NoFile(sentence)) = configuration_or(&options, NOWHERE) else {
            panic!("nothing was said, and yet there is a configuration");
        };
        assert!(sentence.starts_with("cannot read /nonexistent/halb.toml: No such file"));
        options.sets.push(("out1".to_owned(), "web1".to_owned()));
        let Ok(loaded) = configuration_or(&options, NOWHERE) else {
            panic!("an output was said")
        };
        assert_eq!(loaded.config.out.len(), 1);
        let warned = warnings(&loaded.warnings);
        assert_eq!(
            warned,
            "configuration: warning: /nonexistent/halb.toml does not exist: defaults stand in its \
             place\n"
        );
        options.file = Some(NOWHERE.to_owned());
        assert!(matches!(
            configuration_or(&options, NOWHERE),
            Err(Unusable::NoFile(_))
        ));
    }
}
