//! One probe on its way: a connection, and what is asked over it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::probe::judge::Judge;
use crate::probe::judge::Verdict;
use crate::probe::question::HttpQuestion;
use crate::probe::question::Question;
use crate::probe::reason::Failure;
use crate::probe::reason::Good;
use crate::probe::reason::Outcome;
use crate::ring::clock;

/// Documents that are kept for their search, at a time and over all outputs: 1 MiB each at most.
const DOCUMENTS_MOST: usize = 8;
/// What is read at once.
const READ_BYTES: usize = 16 * 1024;

/// What all probes share.
#[derive(Clone)]
pub struct Asker {
    pub question: Arc<Question>,
    /// To connect, and as long again to be answered.
    pub limit: Duration,
    documents: Arc<Semaphore>,
}

impl Asker {
    pub fn new(question: Question, limit: Duration) -> Asker {
        Asker {
            question: Arc::new(question),
            limit,
            documents: Arc::new(Semaphore::new(DOCUMENTS_MOST)),
        }
    }

    /// Probes the output at `address`.
    pub async fn ask(&self, address: SocketAddr) -> Outcome {
        let stream = match self.connect(address).await {
            Ok(stream) => stream,
            Err(outcome) => return outcome,
        };
        let Question::Http(question) = &*self.question else {
            return Outcome::Good(Good::Connected);
        };
        self.converse(stream, question).await
    }

    async fn connect(&self, address: SocketAddr) -> Result<TcpStream, Outcome> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        };
        let socket = socket.map_err(|error| Outcome::Unknown(plain(&error)))?;
        let connected = timeout(self.limit, socket.connect(address)).await;
        let connected = connected.map_err(|_| Outcome::Bad(Failure::ConnectTimeout(self.limit)))?;
        let stream = connected.map_err(|error| unconnected(&error))?;
        // Where nobody listens, the kernel may have given our end the very port that it connects to.
        if stream.local_addr().is_ok_and(|local| local == address) {
            reset(stream);
            return Err(Outcome::Bad(Failure::Refused));
        }
        Ok(stream)
    }

    /// Sends the request and reads as much of the answer as decides.
    async fn converse(&self, mut stream: TcpStream, question: &HttpQuestion) -> Outcome {
        let mut judge = Judge::new(question);
        let mut buffer = vec![0; READ_BYTES];
        let begun = clock::read().now;
        let first = timeout(self.limit, async {
            // A server may answer and close before it has read what it was asked.
            let _ = stream.write_all(&question.bytes).await;
            stream.read(&mut buffer).await
        });
        let Ok(first) = first.await else {
            reset(stream);
            return Outcome::Bad(Failure::Silent(self.limit));
        };
        let spent = clock::read().now.since(begun);
        // Who has to wait for others here does not lose its own time.
        let _place = match question.search.as_ref().map(|search| search.scan()) {
            Some(None) => self.documents.acquire().await.ok(),
            _ => None,
        };
        let rest = timeout(self.limit.saturating_sub(spent), async {
            let mut came = first;
            loop {
                match take(&mut judge, &buffer, came) {
                    Verdict::More => came = stream.read(&mut buffer).await,
                    verdict => return verdict,
                }
            }
        });
        match rest.await {
            Ok(verdict) => self.conclude(verdict).await,
            Err(_) => {
                reset(stream);
                Outcome::Bad(if judge.has_begun() {
                    Failure::Slow(self.limit)
                } else {
                    Failure::Silent(self.limit)
                })
            }
        }
    }

    async fn conclude(&self, verdict: Verdict) -> Outcome {
        match verdict {
            Verdict::Good(good) => Outcome::Good(good),
            Verdict::Bad(failure) => Outcome::Bad(failure),
            Verdict::More => panic!("a verdict was given"),
            Verdict::Search(document) => {
                let question = Arc::clone(&self.question);
                let searched = spawn_blocking(move || match &*question {
                    Question::Http(question) => document.search(question),
                    Question::Connect => panic!("it has no document"),
                });
                match searched.await {
                    Ok(Verdict::Good(good)) => Outcome::Good(good),
                    Ok(Verdict::Bad(failure)) => Outcome::Bad(failure),
                    Ok(Verdict::More | Verdict::Search(_)) => panic!("a search decides"),
                    Err(error) => Outcome::Unknown(error.to_string()),
                }
            }
        }
    }
}

fn take(judge: &mut Judge<'_>, buffer: &[u8], came: io::Result<usize>) -> Verdict {
    match came {
        Ok(0) => judge.on_end(),
        Ok(count) => judge.on_bytes(&buffer[..count]),
        Err(_) => judge.on_loss(),
    }
}

/// Closes at once. Behind a FIN the kernel would keep the connection for minutes, for a server that does not answer.
fn reset(stream: TcpStream) {
    // Where this fails, the kernel keeps it.
    let _ = stream.set_zero_linger();
    drop(stream);
}

/// Why a connection was not established.
fn unconnected(error: &io::Error) -> Outcome {
    let Some(errno) = error.raw_os_error().map(Errno::from_raw) else {
        return Outcome::Bad(Failure::Unreachable(error.to_string()));
    };
    match errno {
        Errno::ECONNREFUSED => Outcome::Bad(Failure::Refused),
        Errno::ECONNRESET => Outcome::Bad(Failure::Reset),
        // What we are short of says nothing about the output.
        Errno::EADDRNOTAVAIL
        | Errno::EMFILE
        | Errno::ENFILE
        | Errno::ENOBUFS
        | Errno::ENOMEM
        | Errno::EAGAIN => Outcome::Unknown(plain(error)),
        _ => Outcome::Bad(Failure::Unreachable(plain(error))),
    }
}

/// The kernel's words, without its number.
fn plain(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => {
            let words = Errno::from_raw(number).desc();
            let mut letters = words.chars();
            let first = letters.next().map(|letter| letter.to_ascii_lowercase());
            first.into_iter().chain(letters).collect()
        }
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
