//! The other side of `ctl`: asks, and reads the answer.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::BodyExt;
use http_body_util::Empty;
use http_body_util::Limited;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header;
use hyper_util::rt::TokioIo;
use serde_json::Map;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::control::ctl_address;
use crate::control::state::whereabouts;
use crate::model::config::Config;

/// On the same machine, or near: longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Far more than all counters of all outputs.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Where a running HALB is asked.
pub struct Client {
    address: SocketAddr,
    token: String,
    runtime: Runtime,
}

/// What it said.
#[derive(Clone, PartialEq, Debug)]
pub struct Reply {
    pub code: u64,
    pub message: String,
    /// All that is besides, in no particular order.
    pub more: Map<String, Value>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Unanswered {
    Runtime(io::Error),
    Connect(SocketAddr, io::Error),
    Late(SocketAddr, Duration),
    Http(SocketAddr, hyper::Error),
    /// It is no `ctl` that answers there.
    Foreign(SocketAddr),
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unanswered::Runtime(error) => write!(f, "cannot start: {error}"),
            Unanswered::Connect(address, error) => {
                write!(f, "no halb answers at {address} (ctl, ctl_port): {error}")
            }
            Unanswered::Late(address, patience) => write!(
                f,
                "no answer from {address} within {} s",
                patience.as_secs()
            ),
            Unanswered::Http(address, error) => write!(f, "no answer from {address}: {error}"),
            Unanswered::Foreign(address) => {
                write!(f, "something answers at {address}, but not as ctl does")
            }
        }
    }
}

impl Client {
    /// Finds it as the configuration says.
    pub fn new(config: &Config) -> Result<Client, Unanswered> {
        Client::at(ctl_address(config), config)
    }

    /// Finds it at `address`, with the token of the configuration.
    pub fn at(address: SocketAddr, config: &Config) -> Result<Client, Unanswered> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let host = match address.ip() {
            IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(any) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            bound => bound,
        };
        Ok(Client {
            address: SocketAddr::new(host, address.port()),
            token: config.ctl_token.clone(),
            runtime: runtime.map_err(Unanswered::Runtime)?,
        })
    }

    /// Where it asks.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks once.
    pub fn ask(&self, target: &str) -> Result<Reply, Unanswered> {
        self.ask_within(target, PATIENCE)
    }

    /// The same where an answer may take longer.
    pub fn ask_within(&self, target: &str, patience: Duration) -> Result<Reply, Unanswered> {
        let asked = async { timeout(patience, self.exchange(target)).await };
        match self.runtime.block_on(asked) {
            Ok(reply) => reply,
            Err(_) => Err(Unanswered::Late(self.address, patience)),
        }
    }

    /// Lets time pass between two questions.
    pub fn pause(&self, length: Duration) {
        self.runtime.block_on(async { sleep(length).await });
    }

    async fn exchange(&self, target: &str) -> Result<Reply, Unanswered> {
        let address = self.address;
        let failed = |error| Unanswered::Http(address, error);
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|error| Unanswered::Connect(address, error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        tokio::spawn(connection);
        let mut request = Request::get(target)
            .header(header::HOST, address.to_string())
            .header(
                header::USER_AGENT,
                concat!("halb/", env!("CARGO_PKG_VERSION")),
            );
        if !self.token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        let foreign = || Unanswered::Foreign(address);
        let request = request.body(Empty::<Bytes>::new()).map_err(|_| foreign())?;
        let response = sender.send_request(request).await.map_err(failed)?;
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect();
        let body = body.await.map_err(|_| foreign())?.to_bytes();
        Reply::read(&body).ok_or_else(foreign)
    }
}

/// Asks where the HALB that keeps its state in `state_dir` has said that it is asked; where that is not known or nobody
/// is there, where the configuration says it.
pub fn ask_running(config: &Config, target: &str, patience: Duration) -> Result<Reply, Unanswered> {
    let configured = ctl_address(config);
    let known = whereabouts::read(&config.state_dir).filter(|known| *known != configured);
    let ask = |address| Client::at(address, config)?.ask_within(target, patience);
    match known.map(ask) {
        None | Some(Err(Unanswered::Connect(..))) => ask(configured),
        Some(answer) => answer,
    }
}

impl Reply {
    fn read(body: &[u8]) -> Option<Reply> {
        let mut whole: Value = serde_json::from_slice(body).ok()?;
        let Value::Object(mut more) = whole.get_mut("status")?.take() else {
            return None;
        };
        let code = more.remove("code")?.as_u64()?;
        let message = more.remove("message")?.as_str()?.to_owned();
        Some(Reply {
            code,
            message,
            more,
        })
    }
}
