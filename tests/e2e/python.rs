//! Backends in Python: its own file server, and those beside this file.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use crate::process::Folder;
use crate::process::Process;

/// The one that Debian's packages are for; another may stand before it in PATH.
pub const DEBIAN_PYTHON: &str = "/usr/bin/python3";

pub struct Python {
    pub address: SocketAddr,
    pub folder: Folder,
    _process: Process,
}

impl Python {
    /// `backends/backend.py`, speaking HTTP/1.1.
    pub fn start() -> Python {
        Python::speaking("1.1")
    }

    /// The same, speaking that version.
    pub fn speaking(version: &str) -> Python {
        let mut command = Command::new("python3");
        command.arg(script("backend.py")).arg(version);
        Python::of(command, Folder::new(), "port ")
    }

    /// The file server that comes with Python: HTTP/1.0, and a new connection for each request.
    pub fn files() -> Python {
        let folder = Folder::new();
        let mut command = Command::new("python3");
        command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]);
        command.arg("--directory").arg(folder.path(""));
        Python::of(command, folder, "Serving HTTP on 127.0.0.1 port ")
    }

    /// A WebSocket server that says everything back.
    pub fn websocket() -> Python {
        let mut command = Command::new(DEBIAN_PYTHON);
        command.arg(script("websocket.py")).arg("serve");
        Python::of(command, Folder::new(), "port ")
    }

    fn of(mut command: Command, folder: Folder, announcement: &str) -> Python {
        let mut process = Process::start(command.stdin(Stdio::null()));
        let port = process.line(announcement);
        let port = port.split(' ').next().unwrap().parse().unwrap();
        Python {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            folder,
            _process: process,
        }
    }
}

/// A script beside this file.
pub fn script(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/backends");
    folder.join(name)
}
