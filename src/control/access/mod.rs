//! The access log: a thread that takes what workers have to say of requests, makes lines of it and writes them. A
//! slow disk, or a pipe that nobody reads, delays this thread alone.
//!
//! - `writer`: that thread; `sink`: where lines go; `batch`: those on their way
//! - `line`: one line; `json`, `haproxy`, `combined`: its forms; `text`: what they are made of

mod batch;
mod combined;
mod haproxy;
mod json;
mod line;
mod sink;
mod text;
mod writer;

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use crate::control::access::sink::Sink;
use crate::control::access::writer::Writer;
use crate::control::log;
use crate::control::shared::Shared;
use crate::model::config::AccessLog as Target;
use crate::model::config::Config;
use crate::model::config::LogFormat;
use crate::plane::Plane;
use crate::ring::inbox::Hub;

/// At the end lines wait so long for whoever does not take them.
pub const LAST_PATIENCE: Duration = Duration::from_secs(2);
/// A disk that hangs holds the thread itself. Then the process ends without it.
const ABANDON_AFTER: Duration = Duration::from_secs(4);

/// The running log. Without one to write its thread sleeps.
pub struct AccessLog {
    orders: Arc<Orders>,
    hub: Arc<Hub>,
    /// Hangs up when the thread has ended.
    ended: Mutex<Receiver<()>>,
}

/// What control wants of the thread; it looks whenever its bell rings.
#[derive(Default)]
struct Orders(Mutex<Ordered>);

/// Since the thread last looked.
#[derive(Default)]
struct Ordered {
    form: Option<Form>,
    reopen: bool,
    stop: bool,
}

/// Where lines go, and what they look like.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Form {
    target: Target,
    format: LogFormat,
}

impl Form {
    fn of(config: &Config) -> Form {
        Form {
            target: config.access_log.clone(),
            format: config.log_format,
        }
    }
}

/// Whether the log that a configuration asks for can be written. To be asked before that is put in force.
pub fn check(config: &Config) -> io::Result<()> {
    Sink::open(&config.access_log).map(drop)
}

impl AccessLog {
    /// Begins with the configuration in force. An error: that log cannot be written.
    pub fn start(shared: &Shared) -> io::Result<AccessLog> {
        let form = Form::of(&shared.current().config);
        let sink = Sink::open(&form.target)?;
        let bell = shared.hub.log_bell()?;
        AccessLog::begin(&shared.plane, &shared.hub, bell, form, sink)
    }

    fn begin(
        plane: &Arc<Plane>,
        hub: &Arc<Hub>,
        bell: UnixStream,
        form: Form,
        sink: Option<Sink>,
    ) -> io::Result<AccessLog> {
        let orders = Arc::new(Orders::default());
        let writer = Writer::new(Arc::clone(plane), bell, Arc::clone(&orders), form, sink);
        let (ending, ended) = mpsc::channel();
        thread::Builder::new()
            .name("halb-log".to_owned())
            .spawn(move || {
                writer.run();
                drop(ending);
            })?;
        Ok(AccessLog {
            orders,
            hub: Arc::clone(hub),
            ended: Mutex::new(ended),
        })
    }

    /// Another configuration is in force.
    pub fn adopt(&self, config: &Config) {
        self.order(|orders| orders.form = Some(Form::of(config)));
    }

    /// The file was moved away: the lines from now on go into a new one of that name.
    pub fn reopen(&self) {
        self.order(|orders| orders.reopen = true);
    }

    /// The end: what workers have put until now is written first. To be called when they have ended.
    pub fn finish(&self) {
        self.order(|orders| orders.stop = true);
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(ABANDON_AFTER) == Err(mpsc::RecvTimeoutError::Timeout) {
            log::event("access_log_abandoned", &[]);
        }
    }

    fn order(&self, change: impl FnOnce(&mut Ordered)) {
        change(&mut self.orders.lock());
        self.hub.ring_log();
    }
}

impl Orders {
    fn take(&self) -> Ordered {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Ordered> {
        // A panic ends the process; a test that caught one goes on with what there is.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
