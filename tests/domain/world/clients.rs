//! Clients that never stop asking, and remember each answer with its time and by whom it was served.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use halb::model::time::Instant;
use halb::ring::clock;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio::time::timeout;

use super::record::Entry;
use super::record::PATIENCE;
use super::record::Record;
use super::space::Space;

/// How many connections [`visit_all`] has.
const VISITORS: usize = 16;

/// What became of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// By that server, with what that output said.
    Served { by: IpAddr, output: IpAddr },
    /// No connection came about in time, or why none could.
    NotConnected(String),
    /// A kept connection was closed by the other side just when the request was on its way. Every client asks again
    /// then (RFC 9112, section 9.3.1).
    Crossed,
    /// The connection was accepted, and no full response came.
    Failed(String),
}

#[derive(Clone, Debug)]
pub struct Attempt {
    pub began: Instant,
    pub ended: Ended,
}

/// Ends when dropped.
pub struct Clients {
    /// In the order in which they ended.
    pub attempts: Record<Attempt>,
    end: Option<watch::Sender<()>>,
    abort: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What a client does.
#[derive(Clone, Copy, Debug)]
pub struct Habit {
    pub target: SocketAddr,
    pub path: &'static str,
    /// A request begins so often, whatever became of the last one.
    pub every: Duration,
    /// How long a connect may take.
    pub connects_within: Duration,
    /// As many clients that keep their connections; 0: a new connection for each request.
    pub kept: usize,
}

impl Clients {
    pub fn start(space: &Space, habit: Habit) -> Clients {
        let attempts = Record::new();
        let (end, ended) = watch::channel(());
        let (abort, aborted) = oneshot::channel();
        let (space, record) = (space.again(), attempts.clone());
        let thread = thread::spawn(move || {
            space.enter();
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                tokio::select! {
                    () = ask(habit, &record, ended) => {}
                    _ = aborted => {}
                }
            });
        });
        Clients {
            attempts,
            end: Some(end),
            abort: Some(abort),
            thread: Some(thread),
        }
    }

    /// Lets what is under way come to its end, after which every request there ever was has its response.
    pub fn stop_well(mut self) {
        drop(self.end.take());
        self.thread.take().unwrap().join().unwrap();
        self.all_went_well_after(0);
    }

    /// Waits until a request that began only now has been served by `by`.
    pub fn are_served_by(&self, by: IpAddr) -> Instant {
        let served = self.next(|attempt| attempt.is_by(by));
        served.unwrap_or_else(|| panic!("never served by {by}: {:?}", self.attempts.last()))
    }

    /// The same, by any server.
    pub fn are_served(&self) -> Instant {
        let served = self.next(|attempt| matches!(attempt.ended, Ended::Served { .. }));
        served.unwrap_or_else(|| panic!("never served: {:?}", self.attempts.last()))
    }

    /// Goes on asking for that long.
    pub fn go_on(&self, time: Duration) {
        let now = clock::read().now;
        let passed = self.next(|attempt| attempt.began.since(now) >= time);
        assert!(passed.is_some(), "nobody asks any more");
    }

    /// Every request that has ended since `mark` got a connection and its response.
    pub fn all_went_well_after(&self, mark: usize) {
        none_went_wrong(&self.attempts.all()[mark..]);
    }

    /// The same of those that began then or later: one that began before may still wait for a server that is gone.
    pub fn all_went_well_since(&self, begin: Instant) {
        let mut attempts = self.attempts.all();
        attempts.retain(|entry| entry.what.began >= begin);
        none_went_wrong(&attempts);
    }

    /// The same of those alone that ended so long before `until`; there were some.
    pub fn all_went_well_between(&self, mark: usize, until: Instant, before: Duration) {
        let mut all = self.attempts.all().split_off(mark);
        all.retain(|entry| until.since(entry.at) >= before);
        assert!(!all.is_empty(), "nobody has asked");
        none_went_wrong(&all);
    }

    /// Waits until one that began only now got no connection.
    pub fn are_lost(&self) -> Instant {
        let lost = self.next(|attempt| matches!(attempt.ended, Ended::NotConnected(_)));
        lost.unwrap_or_else(|| panic!("always connected: {:?}", self.attempts.last()))
    }

    fn next(&self, like: impl Fn(&Attempt) -> bool) -> Option<Instant> {
        let now = clock::read().now;
        let mark = self.attempts.mark();
        self.attempts.wait(PATIENCE, |entries| {
            let mut news = entries.iter().skip(mark).map(|entry| &entry.what);
            let next = news.find(|attempt| attempt.began >= now && like(attempt));
            next.map(|attempt| attempt.began)
        })
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        // A response that a dead server owes would be waited for.
        drop(self.abort.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // what went wrong on it has been printed
        }
    }
}

impl Attempt {
    pub fn is_by(&self, server: IpAddr) -> bool {
        matches!(self.ended, Ended::Served { by, .. } if by == server)
    }
}

fn none_went_wrong(attempts: &[Entry<Attempt>]) {
    let is_bad = |ended: &Ended| matches!(ended, Ended::NotConnected(_) | Ended::Failed(_));
    let bad: Vec<String> = attempts
        .iter()
        .filter(|entry| is_bad(&entry.what.ended))
        .map(|entry| {
            let took = entry.at.since(entry.what.began);
            format!("{:?} after {took:?}", entry.what.ended)
        })
        .collect();
    let count = bad.len();
    assert!(
        bad.is_empty(),
        "{count} went wrong, first {:?}",
        bad.first()
    );
}

async fn ask(habit: Habit, record: &Record<Attempt>, ended: watch::Receiver<()>) {
    if habit.kept == 0 {
        fresh(habit, record, ended).await;
        return;
    }
    let mut clients = JoinSet::new();
    for _ in 0..habit.kept {
        clients.spawn(keep(habit, record.clone(), ended.clone()));
    }
    clients.join_all().await;
}

/// A new connection for each request.
async fn fresh(habit: Habit, record: &Record<Attempt>, mut ended: watch::Receiver<()>) {
    let mut under_way = JoinSet::new();
    let mut pace = tokio::time::interval(habit.every);
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = pace.tick() => {}
            _ = ended.changed() => break,
        }
        let record = record.clone();
        under_way.spawn(async move {
            let began = clock::read().now;
            let ended = match connect(habit).await {
                Err(why) => Ended::NotConnected(why),
                Ok(mut stream) => once(&mut stream, &get(habit.path, "Connection: close\r\n"))
                    .await
                    .or_failed(),
            };
            record.push(Attempt { began, ended });
        });
        while under_way.try_join_next().is_some() {}
    }
    under_way.join_all().await;
}

/// One client that keeps its connection for as long as it may.
async fn keep(habit: Habit, record: Record<Attempt>, mut ended: watch::Receiver<()>) {
    let mut kept: Option<BufReader<TcpStream>> = None;
    let mut pace = tokio::time::interval(habit.every);
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = pace.tick() => {}
            _ = ended.changed() => return,
        }
        let began = clock::read().now;
        let reused = kept.is_some();
        let stream = match kept.take() {
            Some(stream) => Ok(stream),
            None => connect(habit).await,
        };
        let mut stream = match stream {
            Ok(stream) => stream,
            Err(why) => {
                let ended = Ended::NotConnected(why);
                record.push(Attempt { began, ended });
                continue;
            }
        };
        let ended = match once(&mut stream, &get(habit.path, "")).await {
            Ok(answer) => {
                if !answer.closes {
                    kept = Some(stream);
                }
                answer.served()
            }
            Err(Lost {
                anything: false, ..
            }) if reused => Ended::Crossed,
            Err(lost) => Ended::Failed(lost.why),
        };
        record.push(Attempt { began, ended });
    }
}

async fn connect(habit: Habit) -> Result<BufReader<TcpStream>, String> {
    let stream = timeout(habit.connects_within, TcpStream::connect(habit.target)).await;
    let stream = stream.map_err(|_| "not in time".to_owned())?;
    let stream = stream.map_err(|error| error.to_string())?;
    let _ = stream.set_nodelay(true); // it may have been reset already: then nothing is answered
    Ok(BufReader::new(stream))
}

/// A whole response.
struct Answer {
    body: String,
    closes: bool,
}

/// No whole response.
struct Lost {
    /// Whether there was a part of it.
    anything: bool,
    why: String,
}

impl Answer {
    fn served(&self) -> Ended {
        let mut addresses = self.body.split(' ').map(str::parse);
        match (addresses.next(), addresses.next()) {
            (Some(Ok(by)), Some(Ok(output))) => Ended::Served { by, output },
            _ => Ended::Failed(format!("answered {}", self.body)),
        }
    }
}

trait OrFailed {
    fn or_failed(self) -> Ended;
}

impl OrFailed for Result<Answer, Lost> {
    fn or_failed(self) -> Ended {
        self.map_or_else(|lost| Ended::Failed(lost.why), |answer| answer.served())
    }
}

async fn once(stream: &mut BufReader<TcpStream>, request: &str) -> Result<Answer, Lost> {
    let mut head = String::new();
    let result = timeout(PATIENCE, exchange(stream, request, &mut head)).await;
    let lost = |why: String| Lost {
        anything: !head.is_empty(),
        why,
    };
    match result {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(lost(format!("{error} after {head:?}"))),
        Err(_) => Err(lost(format!("nothing more after {head:?}"))),
    }
}

async fn exchange(
    stream: &mut BufReader<TcpStream>,
    request: &str,
    head: &mut String,
) -> io::Result<Answer> {
    stream.write_all(request.as_bytes()).await?;
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut body = vec![0; field(head, "content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(io::Error::other("no good answer"));
    }
    Ok(Answer {
        body: String::from_utf8_lossy(&body).into_owned(),
        closes: field(head, "connection").eq_ignore_ascii_case("close"),
    })
}

/// A request; `fields` is whole lines.
fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")
}

/// Asks for each path with its cookie, over a few connections that are kept; by which output each was answered.
pub fn visit_all(space: &Space, target: SocketAddr, visits: Vec<(String, String)>) -> Vec<IpAddr> {
    let mut outputs = vec![target.ip(); visits.len()];
    let answered = space.within(|| {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            let mut visitors = JoinSet::new();
            for first in 0..VISITORS {
                let own = visits.iter().cloned().enumerate();
                let own = own.skip(first).step_by(VISITORS).collect();
                visitors.spawn(visit(target, own));
            }
            visitors.join_all().await
        })
    });
    for (index, output) in answered.into_iter().flatten() {
        outputs[index] = output;
    }
    outputs
}

async fn visit(target: SocketAddr, own: Vec<(usize, (String, String))>) -> Vec<(usize, IpAddr)> {
    let mut outputs = Vec::new();
    let mut kept: Option<BufReader<TcpStream>> = None;
    for (index, (path, cookie)) in own {
        let mut stream = match kept.take() {
            Some(stream) => stream,
            None => BufReader::new(TcpStream::connect(target).await.unwrap()),
        };
        let fields = match &cookie[..] {
            "" => String::new(),
            cookie => format!("Cookie: {cookie}\r\n"),
        };
        match once(&mut stream, &get(&path, &fields)).await {
            Ok(answer) => {
                if let Ended::Served { output, .. } = answer.served() {
                    outputs.push((index, output));
                }
                if !answer.closes {
                    kept = Some(stream);
                }
            }
            Err(lost) => panic!("{path} {cookie}: {}", lost.why),
        }
    }
    outputs
}

/// The value of a field; empty when there is none.
fn field<'a>(head: &'a str, name: &str) -> &'a str {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let mut named = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
    named.next().map_or("", |(_, value)| value)
}
