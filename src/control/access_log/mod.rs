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
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use crate::control::access_log::sink::Sink;
use crate::control::access_log::writer::Writer;
use crate::control::log;
use crate::control::reload::parts::Commit;
use crate::control::reload::parts::Part;
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
    /// One after the other: each file gets what was said while it was in force.
    changes: Vec<Opened>,
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

/// What a configuration asks for.
pub struct Opened {
    form: Form,
    /// `None`: no log.
    sink: Option<Sink>,
}

impl Opened {
    /// An error: that log cannot be written.
    pub fn of(config: &Config) -> io::Result<Opened> {
        let form = Form::of(config);
        let sink = Sink::open(&form.target)?;
        Ok(Opened { form, sink })
    }
}

impl AccessLog {
    pub fn start(shared: &Shared, opened: Opened) -> io::Result<AccessLog> {
        AccessLog::begin(&shared.plane, &shared.hub, opened)
    }

    fn begin(plane: &Arc<Plane>, hub: &Arc<Hub>, opened: Opened) -> io::Result<AccessLog> {
        let orders = Arc::new(Orders::default());
        let bell = hub.log_bell()?;
        let writer = Writer::new(Arc::clone(plane), bell, Arc::clone(&orders), opened);
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

    /// From now on it is written there.
    pub fn change(&self, to: Opened) {
        self.order(|orders| orders.changes.push(to));
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

impl Part for Arc<AccessLog> {
    fn prepare(&self, before: &Config, next: &Config) -> Result<Option<Commit>, String> {
        if Form::of(before) == Form::of(next) {
            return Ok(None);
        }
        let opened = Opened::of(next).map_err(|error| error.to_string())?;
        let log = Arc::clone(self);
        Ok(Some(Box::new(move || log.change(opened))))
    }
}

impl Orders {
    fn take(&self) -> Ordered {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Ordered> {
        // A panic ends the process; a test that caught one goes on with what there is.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
