//! Notices when somebody has written the domain file: in place, or by putting another in its place as editors do. Also
//! that it has gone.

use std::ffi::OsStr;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use inotify::EventStream;
use inotify::Inotify;
use inotify::WatchMask;
use tokio::time::timeout;

use crate::control::domain::file::disk::Place;

/// A file that was written a moment ago may be written again at once.
const REST: Duration = Duration::from_millis(500);
/// Room for many events; a name has 255 bytes at most.
const EVENTS_BYTES: usize = 16 << 10;

/// The folder's events.
pub struct Watch {
    events: EventStream<Vec<u8>>,
    name: String,
}

impl Watch {
    /// The folder is watched, since the file may be replaced.
    pub fn on(place: &Place) -> io::Result<Watch> {
        let inotify = Inotify::init()?;
        let mask = WatchMask::CLOSE_WRITE
            | WatchMask::MOVED_TO
            | WatchMask::MOVED_FROM
            | WatchMask::DELETE;
        inotify.watches().add(&place.folder, mask)?;
        Ok(Watch {
            events: inotify.into_event_stream(vec![0; EVENTS_BYTES])?,
            name: place.name.clone(),
        })
    }

    /// Returns when the file was written or taken away, and has been at rest since.
    pub async fn written(&mut self) -> io::Result<()> {
        self.touched().await?;
        while let Ok(touched) = timeout(REST, self.touched()).await {
            touched?;
        }
        Ok(())
    }

    /// Returns when something has happened to the file.
    async fn touched(&mut self) -> io::Result<()> {
        loop {
            let next = poll_fn(|context| Pin::new(&mut self.events).poll_next(context)).await;
            let event = next.ok_or(io::ErrorKind::UnexpectedEof)??;
            // Without a name it is about the folder, or some events were lost.
            if event.name.is_none_or(|name| name == OsStr::new(&self.name)) {
                return Ok(());
            }
        }
    }
}
