//! How each contender is started, as its folder says: `adapter.toml`, and the files that are filled in for it.
//! `bench/peers/README.md` describes both.

mod places;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

pub use crate::compare::adapter::places::Places;
use crate::compare::adapter::places::choose_lines;
use crate::record::contender::Contender;
use crate::trouble::Trouble;
use crate::trouble::While;

/// The files of one folder in `bench/peers`, as they were when this program was built.
type Folder = &'static [(&'static str, &'static str)];

const DESCRIPTION: &str = "adapter.toml";

/// Everybody who is known without a folder being named, in the order of their turns.
const BUILT_IN: &[Folder] = &[
    &[(
        DESCRIPTION,
        include_str!("../../../peers/relay/adapter.toml"),
    )],
    &[
        (
            DESCRIPTION,
            include_str!("../../../peers/halb/adapter.toml"),
        ),
        ("halb.toml", include_str!("../../../peers/halb/halb.toml")),
    ],
    &[
        (
            DESCRIPTION,
            include_str!("../../../peers/haproxy/adapter.toml"),
        ),
        (
            "haproxy.cfg",
            include_str!("../../../peers/haproxy/haproxy.cfg"),
        ),
    ],
    &[
        (
            DESCRIPTION,
            include_str!("../../../peers/nginx/adapter.toml"),
        ),
        (
            "nginx.conf",
            include_str!("../../../peers/nginx/nginx.conf"),
        ),
    ],
];

/// One contender's way of being started.
#[derive(Debug)]
pub struct Adapter {
    pub contender: Contender,
    pub program: PathBuf,
    arguments: Vec<String>,
    /// Names and texts.
    templates: Vec<(String, String)>,
    version: Vec<String>,
    slow_build: Option<String>,
}

/// `adapter.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    name: String,
    program: PathBuf,
    #[serde(default)]
    beside: bool,
    arguments: Vec<String>,
    #[serde(default)]
    templates: Vec<String>,
    version: Vec<String>,
    slow_build: Option<String>,
}

/// What a program says of itself.
#[derive(Debug)]
pub struct Version {
    pub line: String,
    /// Built without optimisation: no figure of it means anything.
    pub slow: bool,
}

/// Those that are built in, in the order of their turns.
pub fn built_in() -> Result<Vec<Adapter>, Trouble> {
    let mut adapters = Vec::new();
    for folder in BUILT_IN {
        adapters.push(Adapter::from_files(&|name| {
            let found = folder.iter().find(|(known, _)| *known == name);
            let missing = || Trouble::new(format!("{name} is not built in"));
            found
                .map(|(_, text)| (*text).to_owned())
                .ok_or_else(missing)
        })?);
    }
    Ok(adapters)
}

/// A contender of the person's own.
pub fn from_folder(folder: &Path) -> Result<Adapter, Trouble> {
    Adapter::from_files(&|name| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).during(&format!("reading {}", path.display()))
    })
}

impl Adapter {
    /// `read` gives the text of a file of the contender's folder.
    fn from_files(read: &dyn Fn(&str) -> Result<String, Trouble>) -> Result<Adapter, Trouble> {
        let description: Description =
            toml::from_str(&read(DESCRIPTION)?).during("understanding an adapter.toml")?;
        let name = &description.name;
        let plain =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        // "station" is the log of the generator, in the same folder as the contenders'.
        let taken = [Contender::DIRECT.name(), "station"].contains(&name.as_str());
        if name.is_empty() || !name.chars().all(plain) || taken {
            return Err(Trouble::new(format!(
                "a contender cannot be called {name:?}"
            )));
        }
        let mut templates = Vec::new();
        for template in description.templates {
            if template.contains('/') || template == DESCRIPTION {
                return Err(Trouble::new(format!("{name}: {template} is no template")));
            }
            let text = read(&template)?;
            templates.push((template, text));
        }
        let program = if description.beside {
            beside_this(&description.program)?
        } else {
            description.program
        };
        Ok(Adapter {
            contender: Contender::named(name),
            program,
            arguments: description.arguments,
            templates,
            version: description.version,
            slow_build: description.slow_build,
        })
    }

    /// Writes the configuration and says with which arguments the program is started.
    pub fn prepare(&self, places: &Places) -> Result<Vec<String>, Trouble> {
        let mut files = Vec::new();
        for (name, text) in &self.templates {
            let path = places.folder.join(name);
            let text = places.fill(&choose_lines(text, places), &[])?;
            std::fs::write(&path, text).during(&format!("writing {name}"))?;
            files.push((format!("{{{{{name}}}}}"), path.display().to_string()));
        }
        let filled = self.arguments.iter().map(|word| places.fill(word, &files));
        let filled: Result<Vec<String>, Trouble> = filled.collect();
        filled.map_err(|trouble| Trouble::new(format!("{}: {trouble}", self.contender)))
    }

    /// Asks the program.
    pub fn version(&self) -> Version {
        let Ok(output) = Command::new(&self.program).args(&self.version).output() else {
            return Version {
                line: "unknown".to_owned(),
                slow: false,
            };
        };
        // nginx says it on standard error.
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let words = self.slow_build.as_deref();
        Version {
            line: said.lines().next().unwrap_or("unknown").trim().to_owned(),
            slow: words.is_some_and(|words| said.contains(words)) || in_debug_folder(&self.program),
        }
    }
}

/// Where cargo puts what it builds without optimisation.
fn in_debug_folder(program: &Path) -> bool {
    let folder = program.parent().and_then(Path::file_name);
    folder.is_some_and(|folder| folder == "debug")
}

/// A program in the folder of this one.
pub fn beside_this(name: impl AsRef<Path>) -> Result<PathBuf, Trouble> {
    let own = std::env::current_exe().during("finding this program")?;
    Ok(own.parent().unwrap_or(Path::new(".")).join(name))
}
