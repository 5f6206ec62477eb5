//! What HALB says of each of its workers, from its metrics.

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

use crate::trouble::Trouble;
use crate::trouble::While;

/// One worker, so far.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Worker {
    /// Of clients, now.
    pub connections: f64,
    pub requests: f64,
}

/// All workers, in order.
pub fn read(ui: SocketAddr) -> Result<Vec<Worker>, Trouble> {
    let text = fetch(ui).during("reading HALB's metrics")?;
    let connections = series(&text, "halb_worker_connections");
    let requests = series(&text, "halb_worker_requests_total");
    if connections.is_empty() || connections.len() != requests.len() {
        return Err(Trouble::new("HALB's metrics do not tell of its workers"));
    }
    let pairs = connections.into_iter().zip(requests);
    Ok(pairs
        .map(|(connections, requests)| Worker {
            connections,
            requests,
        })
        .collect())
}

fn fetch(ui: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&ui, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {ui}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// `halb_worker_connections{worker="0"} 12`: the values, in the order of the text, which is that of the workers.
fn series(text: &str, name: &str) -> Vec<f64> {
    let value = |line: &str| {
        let rest = line.strip_prefix(name)?.strip_prefix('{')?;
        rest.split_once("} ")?.1.trim().parse().ok()
    };
    text.lines().filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_one_metric_are_picked_in_order() {
        let text = "# TYPE halb_worker_connections gauge\n\
                    halb_worker_connections{worker=\"0\"} 12\n\
                    halb_worker_connections{worker=\"1\"} 7\n\
                    halb_worker_connections_other{worker=\"0\"} 3\n\
                    halb_worker_requests_total{worker=\"0\"} 1e3\n";
        assert_eq!(series(text, "halb_worker_connections"), [12.0, 7.0]);
        assert_eq!(series(text, "halb_worker_requests_total"), [1000.0]);
        assert!(series(text, "halb_queue").is_empty());
    }
}
