//! What a backend of the demo serves.

use std::convert::Infallible;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::extract::Path;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header::ACCEPT;
use axum::http::header::CACHE_CONTROL;
use axum::http::header::CONTENT_LENGTH;
use axum::http::header::CONTENT_TYPE;
use axum::middleware;
use axum::middleware::Next;
use axum::response::Html;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use futures_core::Stream;
use tokio::time::Interval;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;
use tokio::time::sleep;

use crate::model::output::OutputId;

/// The longest `/slow`: longer than the default `server_timeout` of 60 s, so that its end can be watched.
const SLOW_MS_MAX: u64 = 90_000;
const TICK: Duration = Duration::from_secs(1);
/// What `/bytes/N` repeats; 64 lines of 1,024 bytes.
const PIECE_BYTES: usize = 65_536;

const PAGE: &str = include_str!("site.html");

/// Who answers.
pub struct Identity {
    name: String,
    /// A hue of the colour circle, in degrees.
    hue: usize,
    requests: AtomicU64,
}

impl Identity {
    pub fn new(output: OutputId) -> Identity {
        Identity {
            name: output.to_string(),
            hue: (210 + output.index() * 137) % 360, // 137°: neighbours differ well, and none repeat soon
            requests: AtomicU64::new(0),
        }
    }
}

/// The how manieth request to this backend it is.
#[derive(Clone, Copy)]
struct RequestNumber(u64);

/// Everything a backend answers to.
pub fn router(identity: Arc<Identity>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/slow", get(slow))
        .route("/bytes/{count}", get(bytes))
        .route("/echo", post(echo).put(echo))
        .route("/sse", get(ticks))
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(Arc::clone(&identity), sign))
        .with_state(identity)
}

/// Numbers each request, and says in each response who answered.
async fn sign(State(identity): State<Arc<Identity>>, mut request: Request, next: Next) -> Response {
    let number = identity.requests.fetch_add(1, Ordering::Relaxed) + 1;
    request.extensions_mut().insert(RequestNumber(number));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if let Ok(name) = HeaderValue::from_str(&identity.name) {
        headers.insert("x-answered-by", name);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn home(
    State(identity): State<Arc<Identity>>,
    Extension(number): Extension<RequestNumber>,
    headers: HeaderMap,
) -> Response {
    if wants_html(&headers) {
        Html(page(&identity, number, &headers)).into_response()
    } else {
        line(&identity, number).into_response()
    }
}

async fn slow(
    State(identity): State<Arc<Identity>>,
    Extension(number): Extension<RequestNumber>,
    uri: Uri,
) -> Response {
    let pairs = uri.query().unwrap_or("").split('&');
    let asked = pairs.filter_map(|pair| pair.strip_prefix("ms=")).next();
    let Ok(length_ms) = asked.unwrap_or("1000").parse::<u64>() else {
        return (StatusCode::BAD_REQUEST, "ms is a number of milliseconds\n").into_response();
    };
    let length_ms = length_ms.min(SLOW_MS_MAX);
    sleep(Duration::from_millis(length_ms)).await;
    let text = line(&identity, number);
    format!("{} after {length_ms} ms\n", text.trim_end()).into_response()
}

async fn bytes(Path(count): Path<u64>) -> Response {
    let body = Body::from_stream(Repeated::new(count));
    ([(CONTENT_LENGTH, HeaderValue::from(count))], body).into_response()
}

/// The request's body back as it comes, so that its size does not matter.
async fn echo(request: Request) -> Response {
    let mut response = Response::default();
    for name in [CONTENT_TYPE, CONTENT_LENGTH] {
        if let Some(value) = request.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    *response.body_mut() = request.into_body();
    response
}

async fn ticks(State(identity): State<Arc<Identity>>) -> Response {
    let body = Body::from_stream(Ticks::new(identity));
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}

async fn nothing(State(identity): State<Arc<Identity>>, uri: Uri) -> Response {
    let text = format!(
        "{}: nothing at {}; there are /, /slow?ms=1000, /bytes/1000000, /echo (POST) and /sse\n",
        identity.name,
        uri.path()
    );
    (StatusCode::NOT_FOUND, text).into_response()
}

/// Browsers name HTML; `curl` and most programs do not.
pub fn wants_html(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"))
}

fn line(identity: &Identity, number: RequestNumber) -> String {
    format!("{} (demo backend, request {})\n", identity.name, number.0)
}

fn page(identity: &Identity, number: RequestNumber, headers: &HeaderMap) -> String {
    let mut rows = String::new();
    for (name, value) in headers {
        let value = escaped(&String::from_utf8_lossy(value.as_bytes()));
        // Writing to a String cannot fail.
        let _ = writeln!(rows, "<tr><th>{name}</th><td>{value}</td></tr>");
    }
    // The rows come last: they hold what the client sent, which is never looked at for places to fill.
    PAGE.replace("{name}", &identity.name)
        .replace("{hue}", &identity.hue.to_string())
        .replace("{number}", &number.0.to_string())
        .replace("{rows}", &rows)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The same piece again and again, up to a number of bytes.
struct Repeated {
    left: u64,
    piece: Bytes,
}

impl Repeated {
    fn new(count: u64) -> Repeated {
        let line = format!("{}\n", "halb".repeat(256).split_at(1023).0);
        let piece = line.repeat(PIECE_BYTES / line.len());
        Repeated {
            left: count,
            piece: Bytes::from(piece),
        }
    }
}

impl Stream for Repeated {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let length = usize::try_from(this.left)
            .unwrap_or(usize::MAX)
            .min(this.piece.len());
        if length == 0 {
            return Poll::Ready(None);
        }
        this.left -= length as u64;
        Poll::Ready(Some(Ok(this.piece.slice(..length))))
    }
}

/// An event every second, without end.
struct Ticks {
    identity: Arc<Identity>,
    interval: Interval,
    count: u64,
}

impl Ticks {
    fn new(identity: Arc<Identity>) -> Ticks {
        let mut interval = interval(TICK);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ticks {
            identity,
            interval,
            count: 0,
        }
    }
}

impl Stream for Ticks {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.interval.poll_tick(context).is_pending() {
            return Poll::Pending;
        }
        this.count += 1;
        let event = format!("data: {} tick {}\n\n", this.identity.name, this.count);
        Poll::Ready(Some(Ok(Bytes::from(event))))
    }
}
