//! A stream at work: what comes goes to who listens, what waits is sent, and how it ended is found out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::control::domain::stream::Streams;
use crate::control::domain::stream::frame::Frame;
use crate::control::domain::stream::frame::Kind;
use crate::control::domain::stream::seat::ALIVE_EVERY;
use crate::control::domain::stream::seat::End;
use crate::control::domain::stream::stream::Lane;
use crate::control::domain::stream::stream::Outgoing;
use crate::control::domain::stream::stream::Stream;
use crate::control::domain::stream::wire::Fault;
use crate::control::domain::stream::wire::Halves;
use crate::control::domain::stream::wire::Reader;
use crate::control::domain::stream::wire::Writer;

/// After our last word the other side has so long to close.
const FAREWELL_PATIENCE: Duration = Duration::from_millis(200);
/// Where our last word does not get through, for a path is cut, the stream ends without it.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(500);
/// So much is sent in one go.
const BATCH_BYTES: usize = 64 << 10;

/// What a stream sends and receives, until it ends.
pub async fn run(
    streams: &Arc<Streams>,
    stream: &Arc<Stream>,
    halves: Halves,
    outgoing: UnboundedReceiver<Outgoing>,
) -> End {
    let Halves { reader, writer } = halves;
    let reading = read(streams, stream, reader);
    let writing = write(stream, writer, outgoing);
    tokio::pin!(reading);
    tokio::pin!(writing);
    tokio::select! {
        end = &mut reading => {
            if end == End::Garbled {
                // Who heard nothing of it would take this end for a crash.
                stream.say_farewell("it brought what may not come");
                let _ = timeout(FAREWELL_TIMEOUT, writing).await;
            }
            end
        }
        () = overdue(stream) => End::Ours,
        sent = &mut writing => {
            // What the other side has said before it closed is still there to be read.
            let read = timeout(FAREWELL_PATIENCE, reading).await;
            match sent {
                Ok(()) => End::Ours,
                Err(error) => read.unwrap_or_else(|_| ended(&error)),
            }
        }
    }
}

/// Our last word has been due for long enough.
async fn overdue(stream: &Stream) {
    stream.ended.notified().await;
    sleep(FAREWELL_TIMEOUT).await;
}

async fn read(streams: &Arc<Streams>, stream: &Arc<Stream>, mut reader: Reader) -> End {
    loop {
        let frame = match reader.next(|| stream.note_heard()).await {
            Ok(frame) => frame,
            Err(Fault::Io(error)) => return ended(&error),
            Err(Fault::Broken(_) | Fault::TooLong) => return End::Garbled,
        };
        match frame.kind {
            Kind::Ask => on_ask(streams, stream, frame),
            Kind::Answer => stream.answered(frame.number, Ok(frame.body)),
            Kind::Refusal => {
                let sentence = String::from_utf8_lossy(&frame.body).into_owned();
                stream.answered(frame.number, Err(sentence));
            }
            Kind::Tell => {
                if let Some(hear) = streams.told(frame.subject) {
                    hear(stream.sender(), frame.body);
                }
            }
            Kind::Farewell => return End::Farewell,
            Kind::Hello => return End::Garbled,
            Kind::Alive | Kind::Unknown(_) => {}
        }
    }
}

fn on_ask(streams: &Arc<Streams>, stream: &Arc<Stream>, frame: Frame) {
    let Some(answer) = streams.asked(frame.subject) else {
        let sentence = "this release does not know what it is asked";
        return stream.answer(frame.number, Err(sentence.to_owned()));
    };
    if !stream.begins_answer() {
        return stream.answer(
            frame.number,
            Err("it is asked too much at a time".to_owned()),
        );
    }
    let answering = answer(stream.sender(), frame.body);
    let stream = Arc::clone(stream);
    tokio::spawn(async move {
        stream.answer(frame.number, answering.await);
        stream.ends_answer();
    });
}

/// `Ok`: the farewell has been said.
async fn write(
    stream: &Arc<Stream>,
    mut writer: Writer,
    mut outgoing: UnboundedReceiver<Outgoing>,
) -> io::Result<()> {
    let alive = Frame::plain(Kind::Alive, Vec::new()).encode();
    let mut batch = Vec::new();
    loop {
        batch.clear();
        let mut lanes = [0; 2];
        let mut next = match timeout(ALIVE_EVERY, outgoing.recv()).await {
            Err(_) => {
                batch.extend_from_slice(&alive);
                None
            }
            Ok(None) => return Ok(()),
            Ok(next) => next,
        };
        let mut last = false;
        while let Some(one) = next {
            match one {
                Outgoing::Frame(lane, bytes) => {
                    lanes[lane as usize] += bytes.len();
                    batch.extend_from_slice(&bytes);
                }
                Outgoing::Farewell(bytes) => {
                    batch.extend_from_slice(&bytes);
                    last = true;
                }
            }
            let more = !last && batch.len() < BATCH_BYTES;
            next = if more { outgoing.try_recv().ok() } else { None };
        }
        writer.send(&batch).await?;
        stream.sent(Lane::Told, lanes[Lane::Told as usize]);
        stream.sent(Lane::Asked, lanes[Lane::Asked as usize]);
        if last {
            return writer.end().await;
        }
    }
}

/// What a broken connection says of the other side: only EOF and a reset come from there.
fn ended(error: &io::Error) -> End {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => End::Cut,
        _ => End::Lost,
    }
}
