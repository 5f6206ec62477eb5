//! Real lighttpd, which serves git repositories through git's own CGI program.

use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Command;

use crate::process::Folder;
use crate::process::Process;
use crate::process::says;

pub struct Lighttpd {
    pub address: SocketAddr,
    folder: Folder,
    _process: Process,
}

impl Lighttpd {
    /// Serves what lies in its folder `served`, below `/git/`.
    pub fn start() -> Lighttpd {
        let folder = Folder::new();
        std::fs::create_dir(folder.path("served")).unwrap();
        let file = folder.write("lighttpd.conf", configuration(&folder).as_bytes());
        // The kernel chooses the port, and lighttpd takes the listening socket over, as it does from systemd:
        // as descriptor 3, with a variable that names the process.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let take_over =
            "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec lighttpd -D -f \"$0\"";
        let mut command = Command::new("sh");
        command.arg("-c").arg(take_over).arg(file);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin"));
        command.stdin(OwnedFd::from(listener));
        Lighttpd {
            address,
            _process: Process::start(&mut command),
            folder,
        }
    }

    /// Where the repository of that name lies.
    pub fn repository(&self, name: &str) -> PathBuf {
        self.folder.path("served").join(name)
    }
}

fn configuration(folder: &Folder) -> String {
    let folder = folder.path("").display().to_string();
    let program = says("git", &["--exec-path"]).trim().to_owned() + "/git-http-backend";
    format!(
        r#"
server.systemd-socket-activation = "enable"
server.modules = ("mod_alias", "mod_setenv", "mod_cgi")
server.document-root = "{folder}"
server.upload-dirs = ("{folder}")
alias.url = ("/git" => "{program}")
setenv.set-environment = (
    "GIT_PROJECT_ROOT" => "{folder}/served",
    "GIT_HTTP_EXPORT_ALL" => "1",
    "REMOTE_USER" => "test"
)
cgi.assign = ("" => "")
"#
    )
}
