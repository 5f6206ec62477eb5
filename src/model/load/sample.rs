//! Configurations for tests: a file and nothing else.

use crate::model::config::Config;
use crate::model::load;
use crate::model::load::File;
use crate::model::load::Loaded;
use crate::model::load::Refused;
use crate::model::load::Sources;

/// What comes of a file with this text. Every file it names holds `named`.
pub fn load_text(text: &str, named: &[u8]) -> Result<Loaded, Refused> {
    load::load(&Sources {
        file: Some(File {
            name: "f",
            bytes: text.as_bytes(),
        }),
        environment: &[],
        sets: &[],
        node: None,
        host_name: None,
        read: &|_| Ok(named.to_vec()),
    })
}

/// A configuration without a mistake; every file it names is empty.
pub fn config_of(text: &str) -> Config {
    let loaded = load_text(text, b"");
    loaded.expect("a sound configuration").config
}
