//! The web servers behind the balancers. Each answer says who asked and who answers.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::sync::oneshot;

use super::space::Space;

/// Ended, with all connections, when dropped.
pub struct Outputs {
    _end: oneshot::Sender<()>,
}

impl Outputs {
    /// A server at each of `addresses`.
    ///
    /// `GET /` is answered with `10.0.0.11 10.0.0.21`: the one who asked, the one who answers. `GET /slow/500` takes
    /// that many milliseconds. `GET /learn/ABC` sets the cookie `SID=ABC`.
    pub fn start(space: &Space, addresses: &[SocketAddr]) -> Outputs {
        let bind = || -> Vec<TcpListener> {
            let listeners = addresses.iter().map(TcpListener::bind);
            listeners.map(Result::unwrap).collect()
        };
        let listeners = space.within(bind);
        let (end, ended) = oneshot::channel::<()>();
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                for listener in listeners {
                    tokio::spawn(accept(listener));
                }
                let _ = ended.await; // dropped: that is the end
            });
        });
        Outputs { _end: end }
    }
}

async fn accept(listener: TcpListener) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, client) = listener.accept().await.unwrap();
        tokio::spawn(serve(stream, client.ip()));
    }
}

/// `None`: the other side has gone.
async fn serve(stream: TcpStream, client: IpAddr) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let own = stream.local_addr().ok()?.ip();
    let mut stream = BufReader::new(stream);
    loop {
        let path = request(&mut stream).await?;
        let mut fields = String::new();
        if let Some(name) = path.strip_prefix("/learn/") {
            fields = format!("Set-Cookie: SID={name}\r\n");
        }
        if let Some(ms) = path.strip_prefix("/slow/") {
            tokio::time::sleep(Duration::from_millis(ms.parse().ok()?)).await;
        }
        let body = format!("{client} {own}");
        let length = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

/// The path of the next request.
async fn request(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    head.split(' ').nth(1).map(str::to_owned)
}
