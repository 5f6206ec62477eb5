//! The terminal `ui`: what an operator sees (SPEC 7), as a page that stays live, as text and as HAProxy's CSV.
//!
//! - `guard`: who may look, and who may give orders; `switch`, `domain`: the orders
//! - `page`, `text`, `csv`: the forms; `format`: numbers for people; `events`: what makes the page live
//! - `files`: what a browser loads. All of it is in the program, and it asks nobody else for anything

mod csv;
mod domain;
mod events;
mod format;
mod guard;
mod page;
mod switch;
mod text;

use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::balance::hash::HashKey;
use crate::control::ctl::orders::Orders;
use crate::control::metrics;
use crate::control::overview::Recorder;
use crate::control::serve::Ends;
use crate::control::shared::Derived;
use crate::control::shared::Shared;
use crate::control::ui::guard::Guard;

/// Everything the terminal needs.
pub struct Ui {
    pub shared: Arc<Shared>,
    pub orders: Arc<Orders>,
    pub recorder: Arc<Recorder>,
    /// As the configuration in force wants it.
    guard: Derived<Guard>,
    /// Drawn at this start.
    secret: HashKey,
}

/// What is said instead of an answer, in plain text.
type Refusal = (StatusCode, String);

/// A page may load from here and nowhere else, and nobody may put it into a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What stands in every answer.
const ALWAYS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
];

const HTML: &str = "text/html; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const ICON: &str = include_str!("files/icon.svg");
const STYLE: &str = include_str!("files/page.css");
const SCRIPT: &str = include_str!("files/page.js");
const CHARTS: &str = include_str!("files/charts.js");
const WORDS: &str = include_str!("files/words.js");

impl Ui {
    pub fn new(
        shared: Arc<Shared>,
        orders: Arc<Orders>,
        recorder: Arc<Recorder>,
        secret: HashKey,
    ) -> Ui {
        Ui {
            shared,
            orders,
            recorder,
            guard: Derived::default(),
            secret,
        }
    }
}

/// Everything the listener answers to.
pub fn router(ui: Ui) -> Router {
    Router::new().fallback(answer).with_state(Arc::new(ui))
}

async fn answer(
    State(ui): State<Arc<Ui>>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    request: Request,
) -> Response {
    let mut response = match ui.answer(&ends, request).await {
        Ok(response) => response,
        Err((status, text)) => refused(status, &text),
    };
    let fields = response.headers_mut();
    for (name, value) in ALWAYS {
        fields.insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Ui {
    async fn answer(&self, ends: &Ends, request: Request) -> Result<Response, Refusal> {
        let current = self.shared.current();
        let guard = self.guard.of(&current, || {
            Guard::new(&current.config, self.secret.clone())
        });
        let (head, body) = request.into_parts();
        guard.admit(ends, &head)?;
        let path = head.uri.path();
        if path == switch::PATH {
            return switch::carry_out(&self.orders, &guard, &head, body).await;
        }
        if path == domain::PATH {
            return domain::carry_out(&self.shared, &guard, &head, body).await;
        }
        if head.method != Method::GET && head.method != Method::HEAD {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "GET only".to_owned()));
        }
        let overview = || self.recorder.overview();
        Ok(match path {
            "/" if wants_page(&head.headers) => {
                typed(HTML, page::of(&overview(), guard.order_token()))
            }
            "/" | "/text" => typed(PLAIN, text::of(&overview())),
            "/;csv" | "/;csv;norefresh" => typed(PLAIN, csv::of(&overview())),
            "/metrics" => typed(metrics::CONTENT_TYPE, metrics::of(&self.shared)),
            "/pair" => typed(
                HTML,
                domain::panel(overview().domain.as_ref(), guard.order_token()),
            ),
            "/events" => events::stream(self.recorder.watch()),
            "/history" => typed(JSON, self.recorder.history().to_string()),
            "/page.css" => typed("text/css", STYLE),
            "/page.js" => typed("text/javascript", SCRIPT),
            "/charts.js" => typed("text/javascript", CHARTS),
            "/words.js" => typed("text/javascript", WORDS),
            "/icon.svg" => typed("image/svg+xml", ICON),
            _ => return Err((StatusCode::NOT_FOUND, format!("{path} is not known"))),
        })
    }
}

/// A browser names HTML; who names nothing may be a very old one. All others (`curl` says `*/*`) get text.
fn wants_page(fields: &HeaderMap) -> bool {
    let mut accepted = fields.get_all(header::ACCEPT).iter().peekable();
    let is_silent = accepted.peek().is_none();
    is_silent || accepted.any(|value| value.to_str().is_ok_and(|text| text.contains("text/html")))
}

fn typed(kind: &'static str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    fields.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

fn refused(status: StatusCode, text: &str) -> Response {
    let mut response = typed(PLAIN, format!("{text}\n"));
    *response.status_mut() = status;
    let besides = match status {
        StatusCode::METHOD_NOT_ALLOWED => Some((header::ALLOW, "GET, HEAD")),
        StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, guard::CHALLENGE)),
        _ => None,
    };
    if let Some((name, value)) = besides {
        let fields = response.headers_mut();
        fields.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
