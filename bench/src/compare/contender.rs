//! Who is compared, and how each is started. A further proxy is one more variant and one more file in
//! `bench/peers`.

use std::collections::BTreeMap;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use crate::machine::process::tree;
use crate::process::Deadline;
use crate::process::Place;
use crate::process::Running;
use crate::record::contender::Contender;
use crate::trouble::Trouble;
use crate::trouble::While;

/// A program must answer its first request within this.
const READY_LIMIT: Duration = Duration::from_secs(15);

/// Where the programs are, and what they are to do.
pub struct Programs {
    pub halb: PathBuf,
    pub haproxy: PathBuf,
    pub nginx: PathBuf,
    pub core: usize,
    pub forwarded: bool,
    /// With an access log, and a page of statistics where there is one.
    pub full: bool,
}

/// A contender that answers.
pub struct Started {
    pub contender: Contender,
    pub target: SocketAddr,
    /// All its processes.
    pub processes: Vec<i32>,
    running: Option<Running>,
}

impl Started {
    /// Whether it still runs, and with the processes it started with.
    pub fn check(&mut self) -> Result<bool, Trouble> {
        let Some(running) = &mut self.running else {
            return Ok(true);
        };
        running.check()?;
        Ok(tree(running.process())? == self.processes)
    }
}

impl Programs {
    /// Starts one and waits until it has answered a request through to the origin.
    pub fn start(
        &self,
        contender: &Contender,
        origin: SocketAddr,
        folder: &Path,
    ) -> Result<Started, Trouble> {
        if *contender == Contender::DIRECT {
            return Ok(Started {
                contender: contender.clone(),
                target: origin,
                processes: Vec::new(),
                running: None,
            });
        }
        let target = free_address()?;
        let (program, arguments) = self.command(contender, target, origin, folder)?;
        let name = contender.name();
        let mut running = Running::start(
            name,
            Place::on(&[self.core]),
            &program,
            &arguments,
            Stdio::null(),
            folder,
        )?;
        await_answer(target, &mut running, name)?;
        Ok(Started {
            contender: contender.clone(),
            target,
            processes: tree(running.process())?,
            running: Some(running),
        })
    }

    /// What each program says about its version.
    pub fn versions(&self, contenders: &[Contender]) -> BTreeMap<String, String> {
        let of = |contender: &Contender| (contender.name().to_owned(), self.version(contender));
        contenders.iter().map(of).collect()
    }

    fn version(&self, contender: &Contender) -> String {
        let (program, option) = match contender.name() {
            "halb" => (&self.halb, "--version"),
            "haproxy" => (&self.haproxy, "-v"),
            "nginx" => (&self.nginx, "-v"),
            _ => return env!("CARGO_PKG_VERSION").to_owned(),
        };
        let Ok(output) = Command::new(program).arg(option).output() else {
            return "unknown".to_owned();
        };
        // nginx says it on standard error.
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        said.lines().next().unwrap_or("unknown").trim().to_owned()
    }

    fn command(
        &self,
        contender: &Contender,
        listen: SocketAddr,
        origin: SocketAddr,
        folder: &Path,
    ) -> Result<(PathBuf, Vec<String>), Trouble> {
        let written = |name: &str, template: &str| -> Result<String, Trouble> {
            let path = folder.join(name);
            let text = self.fill(template, listen, origin, folder)?;
            std::fs::write(&path, text).during("writing a configuration")?;
            Ok(path.display().to_string())
        };
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Ok(match contender.name() {
            "halb" => {
                let file = written("halb.toml", include_str!("../../peers/halb.toml"))?;
                (self.halb.clone(), words(&["run", "-f", &file]))
            }
            "haproxy" => {
                let file = written("haproxy.cfg", include_str!("../../peers/haproxy.cfg"))?;
                (self.haproxy.clone(), words(&["-db", "-f", &file]))
            }
            "nginx" => {
                let file = written("nginx.conf", include_str!("../../peers/nginx.conf"))?;
                let folder = folder.display().to_string();
                (self.nginx.clone(), words(&["-p", &folder, "-c", &file]))
            }
            _ => {
                let own = std::env::current_exe().during("finding this program")?;
                let (listen, origin) = (listen.to_string(), origin.to_string());
                (own, words(&["relay", "--listen", &listen, "--to", &origin]))
            }
        })
    }

    fn fill(
        &self,
        template: &str,
        listen: SocketAddr,
        origin: SocketAddr,
        folder: &Path,
    ) -> Result<String, Trouble> {
        let marks = [
            ("{{forwarded}}", self.forwarded),
            ("{{full}}", self.full),
            ("{{bare}}", !self.full),
        ];
        let text = choose_lines(template, &marks)
            .replace("{{listen}}", &listen.to_string())
            .replace("{{origin}}", &origin.to_string())
            .replace("{{folder}}", &folder.display().to_string())
            .replace("{{core_mask}}", &format!("1{}", "0".repeat(self.core)))
            .replace("{{forwarded_switch}}", &self.forwarded.to_string())
            .replace("{{ui_port}}", &free_address()?.port().to_string())
            .replace("{{ctl_port}}", &free_address()?.port().to_string());
        if let Some(place) = text.find("{{") {
            let rest: String = text.chars().skip(place).take(20).collect();
            return Err(Trouble::new(format!("nobody fills in {rest}")));
        }
        Ok(text)
    }
}

/// Lines that begin with one of `marks` stay, without it, or go.
fn choose_lines(template: &str, marks: &[(&str, bool)]) -> String {
    let choose = |line| {
        let marked = marks
            .iter()
            .find_map(|(mark, stays)| Some((str::strip_prefix(line, mark)?, *stays)));
        match marked {
            Some((rest, stays)) => stays.then_some(rest),
            None => Some(line),
        }
    };
    let lines = template.lines().filter_map(choose);
    lines.fold(String::new(), |text, line| text + line + "\n")
}

/// An address of this host that nobody listens on. Another program could take it before it is used; then the
/// contender says so when it starts.
pub fn free_address() -> Result<SocketAddr, Trouble> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).during("looking for a free port")?;
    listener.local_addr().during("looking for a free port")
}

/// Waits until the program answers a request through to the origin.
pub fn await_answer(target: SocketAddr, running: &mut Running, name: &str) -> Result<(), Trouble> {
    let deadline = Deadline::after(READY_LIMIT);
    loop {
        running.check()?;
        let last = match exchange(target) {
            Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => return Ok(()),
            Ok(answer) => answer.lines().next().unwrap_or("nothing").to_owned(),
            Err(error) => error.to_string(),
        };
        if deadline.reached() {
            let limit = READY_LIMIT.as_secs();
            return Err(Trouble::new(format!(
                "{name} did not answer within {limit} s: {last}"
            )));
        }
        deadline.look_again();
    }
}

/// One request on a connection of its own.
fn exchange(target: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&target, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let request = format!("GET /128 HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_forwarded_fields_come_and_go() {
        let template = "a\n{{forwarded}}  b\nc\n";
        let marks = |stays: bool| [("{{forwarded}}", stays), ("{{full}}", !stays)];
        assert_eq!(choose_lines(template, &marks(true)), "a\n  b\nc\n");
        assert_eq!(choose_lines(template, &marks(false)), "a\nc\n");
    }

    #[test]
    fn every_configuration_is_filled_in_whole() {
        let programs = Programs {
            halb: PathBuf::new(),
            haproxy: PathBuf::new(),
            nginx: PathBuf::new(),
            core: 3,
            forwarded: true,
            full: true,
        };
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 8000));
        for contender in [Contender::HALB, Contender::HAPROXY, Contender::NGINX] {
            let command = programs.command(&contender, address, address, folder.path());
            assert!(!command.unwrap().1.is_empty());
        }
        let nginx = std::fs::read_to_string(folder.path().join("nginx.conf")).unwrap();
        assert!(nginx.contains("worker_cpu_affinity 1000;"));
        assert!(nginx.contains("X-Forwarded-For"));
    }
}
