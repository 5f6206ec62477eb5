//! The backends of `halb demo`: small web servers inside the program that show who answered, and a control
//! listener that stops and starts them while a person watches.

mod backend;
mod control;
mod site;
#[cfg(test)]
mod tests;
mod verb;

use std::fmt::Write as _;
use std::io;
use std::io::BufRead;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::control::serve::ANY_PORT;
use crate::control::serve::Served;
use crate::daemon::demo::backend::Backend;
use crate::model::output::OUTPUTS_MAX;
use crate::model::output::OutputId;

pub use crate::daemon::demo::verb::verb;

/// Backends on 127.0.0.1, each on a thread of its own, at ports that the kernel chose. Dropping this closes
/// them all.
pub struct DemoBackends {
    /// Where `out1`, `out2`, … listen, in this order. An address stays the same while its backend is stopped.
    pub addresses: Vec<SocketAddr>,
    control_address: SocketAddr,
    backends: Arc<[Backend]>,
    _control: Served,
}

impl DemoBackends {
    /// Starts `count` backends and the control listener.
    pub fn start(count: usize) -> io::Result<DemoBackends> {
        assert!((1..=OUTPUTS_MAX).contains(&count), "as many as outputs");
        let mut list = Vec::with_capacity(count);
        for output in (0..count).filter_map(OutputId::from_index) {
            let backend = Backend::new(output)?;
            backend.start()?;
            list.push(backend);
        }
        let backends: Arc<[Backend]> = list.into();
        let listener = std::net::TcpListener::bind(ANY_PORT)?;
        let control_address = listener.local_addr()?;
        let router = control::router(Arc::clone(&backends));
        Ok(DemoBackends {
            addresses: backends.iter().map(Backend::address).collect(),
            control_address,
            backends,
            _control: Served::start("demo-control", listener, router)?,
        })
    }

    /// Where backends are stopped and started over HTTP.
    pub fn control_address(&self) -> SocketAddr {
        self.control_address
    }

    /// Closes the listener and all connections of `output`'s backend: the balancer sees refusals. When this
    /// returns, it has happened. Nothing changes when it is stopped already.
    pub fn stop(&self, output: OutputId) {
        self.backend(output).stop();
    }

    /// Lets `output`'s backend listen again, on the same port.
    pub fn start_again(&self, output: OutputId) -> io::Result<()> {
        self.backend(output).start()
    }

    /// Whether `output`'s backend serves.
    pub fn is_running(&self, output: OutputId) -> bool {
        self.backend(output).is_running()
    }

    /// Does what lines of `input` order (`2` stops backend 2, or starts it again) until its end, and says on
    /// `output` what was done.
    pub fn obey(&self, input: impl BufRead, mut output: impl Write) -> io::Result<()> {
        for line in input.lines() {
            writeln!(output, "{}", self.order(line?.trim()))?;
            output.flush()?;
        }
        Ok(())
    }

    /// What to try, for a person at a terminal; `front` and `ui` are where the balancer listens.
    pub fn invitation(&self, front: SocketAddr, ui: SocketAddr) -> String {
        let control = self.control_address;
        let count = self.backends.len();
        let mut text = format!(
            "\
HALB demo: http://{front}/ is balanced over {count} small backends. Open it in a browser, or try:

  who answers         for i in 1 2 3 4 5 6 7 8; do curl -s http://{front}/; done
  a slow answer       curl 'http://{front}/slow?ms=2000'
  a download          curl -o /dev/null http://{front}/bytes/1000000000
  an upload           echo hello | curl --data-binary @- http://{front}/echo
  an endless stream   curl -N http://{front}/sse

Watch it live: http://{ui}/ (in a browser, or with curl).
Stop a backend and watch the others take over:

  here                its number and Enter (2 stops out2, 2 again starts it)
  from a shell        curl -X POST http://{control}/stop/out1
                      curl -X POST http://{control}/start/out1
  in a browser        http://{control}/

Backends:

"
        );
        for backend in self.backends.iter() {
            // Writing to a String cannot fail.
            let name = backend.output().to_string();
            let _ = writeln!(text, "  {name:<18}  http://{}/", backend.address());
        }
        text.push_str("\nCtrl-C ends the demo.\n");
        text
    }

    fn backend(&self, output: OutputId) -> &Backend {
        let backend = self.backends.get(output.index());
        backend.expect("the demo's own outputs are 1 to the count it was started with")
    }

    fn order(&self, text: &str) -> String {
        let index = text
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1));
        match index.and_then(|index| self.backends.get(index)) {
            Some(backend) if backend.is_running() => {
                backend.stop();
                format!("{} stopped", backend.output())
            }
            Some(backend) => match backend.start() {
                Ok(()) => format!("{} started", backend.output()),
                Err(error) => format!("{} does not start: {error}", backend.output()),
            },
            None => {
                let count = self.backends.len();
                format!("a number from 1 to {count} stops that backend, or starts it again")
            }
        }
    }
}
