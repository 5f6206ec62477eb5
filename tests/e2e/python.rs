//! Backends in Python: its own file server, and the one beside this file.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use crate::process::Folder;
use crate::process::Process;

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
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/backends/backend.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(version);
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
