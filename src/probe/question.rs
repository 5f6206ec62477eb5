//! What is asked of every output, as the `healthcheck_*` properties say.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::http::request::Method;
use crate::model::config::Config;
use crate::model::config::HealthcheckMethod;
use crate::probe::search::Search;

/// One question for all outputs.
pub enum Question {
    /// `tcp_connect`: whether the connection opens.
    Connect,
    /// `http_head` and `http_get`.
    Http(HttpQuestion),
}

/// A request, and what its answer has to be like.
pub struct HttpQuestion {
    /// As it is sent.
    pub bytes: Vec<u8>,
    pub method: Method,
    /// For a sentence: `GET /health_check.php`.
    pub asked: String,
    /// The longest head of an answer; the same that the data plane takes.
    pub head_bytes_max: usize,
    /// What has to be in the document.
    pub search: Option<Search>,
}

impl Question {
    /// Of a configuration that was checked.
    pub fn from_config(config: &Config) -> Question {
        let (method, word) = match config.healthcheck_method {
            HealthcheckMethod::TcpConnect => return Question::Connect,
            HealthcheckMethod::HttpHead => (Method::Head, "HEAD"),
            HealthcheckMethod::HttpGet => (Method::Get, "GET"),
        };
        let (host, target) = split(&config.healthcheck_url);
        let pattern = &config.healthcheck_regexp;
        let searches = method == Method::Get && !pattern.is_empty();
        Question::Http(HttpQuestion {
            bytes: request(word, host, target, &config.healthcheck_agent),
            method,
            asked: format!("{word} {target}"),
            head_bytes_max: usize::try_from(config.max_head_bytes).unwrap_or(usize::MAX),
            search: searches.then(|| {
                Search::new(pattern).expect("the configuration's pattern was compiled before")
            }),
        })
    }
}

/// How long a probe may take to connect, and as long again to be answered (SPEC 5).
pub fn limit(config: &Config) -> Duration {
    let connect = config.conn_timeout.unwrap_or(Duration::MAX);
    connect.min(config.healthcheck_interval)
}

/// The host that is named in a Host field, and the path with its query. The forms stand in SPEC 2.
fn split(url: &str) -> (Option<&str>, &str) {
    match url.strip_prefix("http://") {
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (host, target) = rest.split_at(end);
            (Some(host), or_root(target))
        }
        None => (None, or_root(url)),
    }
}

fn or_root(target: &str) -> &str {
    if target.is_empty() { "/" } else { target }
}

fn request(method: &str, host: Option<&str>, target: &str, agent: &str) -> Vec<u8> {
    let text = match host {
        Some(host) => format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n"
        ),
        None => format!("{method} {target} HTTP/1.0\r\nUser-Agent: {agent}\r\n\r\n"),
    };
    text.into_bytes()
}
