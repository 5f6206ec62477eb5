//! Those who take part, started and answering.

use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::allotment::Allotment;
use crate::allotment::Group;
use crate::compare::adapter::Adapter;
use crate::compare::adapter::Places;
use crate::machine::process::tree;
use crate::machine::sockets::strangers;
use crate::process::Deadline;
use crate::process::Place;
use crate::process::Running;
use crate::record::contender::Contender;
use crate::trouble::Trouble;
use crate::trouble::While;

/// A program must answer its first request within this.
const READY_LIMIT: Duration = Duration::from_secs(15);

/// Who takes part besides the direct run, and what they are to do.
pub struct Cast {
    /// In the order of their turns.
    pub adapters: Vec<Adapter>,
    pub core: usize,
    pub forwarded: bool,
    /// With an access log, and a page of statistics where there is one.
    pub full: bool,
}

/// What all of one stage have in common.
pub struct Scenery<'a> {
    pub origin: SocketAddr,
    pub folder: &'a Path,
    pub threads: usize,
    pub allotment: Option<Allotment>,
}

/// A contender that answers.
pub struct Started {
    pub contender: Contender,
    pub target: SocketAddr,
    /// All its processes.
    pub processes: Vec<i32>,
    running: Option<Running>,
    /// Dropped after the program.
    group: Option<Group>,
}

impl Started {
    /// The origin itself.
    pub fn direct(origin: SocketAddr) -> Started {
        Started {
            contender: Contender::DIRECT,
            target: origin,
            processes: Vec::new(),
            running: None,
            group: None,
        }
    }

    /// Whether it still runs with the processes it started with; an error when it has ended.
    pub fn check(&mut self) -> Result<bool, Trouble> {
        let Some(running) = &mut self.running else {
            return Ok(true);
        };
        if let Err(trouble) = running.check() {
            return Err(match self.killed() {
                0 => trouble,
                _ => Trouble::new(format!(
                    "{trouble} (it wanted more memory than it may have)"
                )),
            });
        }
        Ok(tree(running.process())? == self.processes)
    }

    /// Processes that the kernel killed because they wanted more memory than they are allowed.
    fn killed(&self) -> u64 {
        let group = self.group.as_ref();
        group.map_or(0, |group| group.killed().unwrap_or(0))
    }
}

impl Cast {
    /// Starts one and waits until it has answered a request through to the origin.
    pub fn start(&self, adapter: &Adapter, scenery: &Scenery<'_>) -> Result<Started, Trouble> {
        let name = adapter.contender.name();
        let listen = free_address()?;
        let arguments = adapter.prepare(&Places {
            listen,
            origin: scenery.origin,
            folder: scenery.folder.to_owned(),
            core: self.core,
            forwarded: self.forwarded,
            full: self.full,
            threads: scenery.threads,
        })?;
        let group = match &scenery.allotment {
            Some(allotment) => Some(Group::create(&format!("compare-{name}"), allotment)?),
            None => None,
        };
        let place = Place {
            cores: &[self.core],
            group: group.as_ref(),
        };
        let program = &adapter.program;
        let mut running = Running::start(
            name,
            place,
            program,
            &arguments,
            Stdio::null(),
            scenery.folder,
        )?;
        await_answer(listen, &mut running, name)?;
        let processes = tree(running.process())?;
        refuse_strangers(listen.port(), &processes, name)?;
        Ok(Started {
            contender: adapter.contender.clone(),
            target: listen,
            processes,
            running: Some(running),
            group,
        })
    }
}

/// The kernel would share the load out between this contender and the other one.
fn refuse_strangers(port: u16, processes: &[i32], name: &str) -> Result<(), Trouble> {
    let strangers = strangers(port, processes)?;
    if strangers.is_empty() {
        return Ok(());
    }
    let others = strangers.join(", ");
    Err(Trouble::new(format!(
        "{name} is not alone on its port {port}: {others} listens there, too, and would take a part of the load"
    )))
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
    fn a_port_that_is_shared_is_refused_with_the_others_name() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listen = |address: SocketAddr| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
            let socket = socket.unwrap();
            socket.set_reuse_port(true).unwrap();
            socket.bind(&address.into()).unwrap();
            socket.listen(1).unwrap();
            socket
        };
        let first = listen(any);
        let address = first.local_addr().unwrap().as_socket().unwrap();
        let _second = listen(address);
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(refuse_strangers(address.port(), &[own], "one").is_ok());
        // The parent has neither of them.
        let parent = nix::unistd::getppid().as_raw();
        let trouble = refuse_strangers(address.port(), &[parent], "one").unwrap_err();
        let text = trouble.to_string();
        assert!(
            text.contains("not alone") && text.contains(&format!("process {own})")),
            "{text}"
        );
    }
}
