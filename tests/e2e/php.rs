//! Real PHP: the web server that comes with it, with pages that a test writes.

use std::net::SocketAddr;
use std::process::Command;
use std::process::Stdio;

use crate::process::Folder;
use crate::process::Process;

pub struct Php {
    pub address: SocketAddr,
    pub folder: Folder,
    _process: Process,
}

impl Php {
    pub fn start() -> Php {
        let folder = Folder::new();
        let mut command = Command::new("php");
        command
            .args(["-S", "127.0.0.1:0", "-t"])
            .arg(folder.path(""));
        let mut process = Process::start(command.stdin(Stdio::null()));
        let address = process.line_with("Development Server (http://");
        let address = address.split(')').next().unwrap();
        Php {
            address: address.parse().unwrap(),
            folder,
            _process: process,
        }
    }
}
