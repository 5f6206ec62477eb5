//! Real nginx, a master and one worker, with a configuration and files of its own.

use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::Signal;
use nix::sys::signal::killpg;
use nix::unistd::Pid;

use crate::process::Folder;
use crate::process::Process;

pub struct Nginx {
    pub address: SocketAddr,
    process: Process,
    folder: Folder,
}

impl Nginx {
    /// One that answers `/` with `name` and serves files that the test writes.
    pub fn start(name: &str) -> Nginx {
        let folder = Folder::new();
        // The kernel chooses the port, and nginx takes the listening socket over as it does in a binary
        // upgrade: no port can be lost in between, and connections can be made at once.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let file = folder.write("nginx.conf", configuration(name, address).as_bytes());
        std::fs::create_dir(folder.path("files")).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path("")).arg("-c").arg(file);
        command.args(["-e", "stderr"]);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin"));
        command.env("NGINX", "0;").stdin(OwnedFd::from(listener));
        command.process_group(0); // so that master and worker can be killed in one go
        Nginx {
            address,
            process: Process::start(&mut command),
            folder,
        }
    }

    /// Where files lie that it serves below `/files/`.
    pub fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        self.folder.write(&format!("files/{name}"), content)
    }

    /// `kill -9` of all its processes. When this returns they are gone.
    pub fn kill(&mut self) {
        self.kill_group();
        self.process.end();
    }

    fn kill_group(&self) {
        let group = Pid::from_raw(i32::try_from(self.process.id()).unwrap());
        let _ = killpg(group, Signal::SIGKILL); // it may be gone already
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.kill_group();
    }
}

fn configuration(name: &str, address: SocketAddr) -> String {
    // Everything it writes goes below its own folder. Started by root, its worker stays root, so that it can
    // read its files wherever the repository is; started by anybody else, it ignores the line.
    format!(
        r#"
daemon off;
worker_processes 1;
user root root;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 100000000;
    large_client_header_buffers 8 32k;
    types {{ text/html html; text/plain txt; }}
    server {{
        listen {address};
        gzip on;
        gzip_min_length 100;
        gzip_types text/plain;
        location = / {{ return 200 "{name}\n"; }}
        location /files/ {{ root .; }}
        location = /cookies {{ add_header X-Cookie $http_cookie; return 200 "$http_cookie"; }}
    }}
}}
"#
    )
}
