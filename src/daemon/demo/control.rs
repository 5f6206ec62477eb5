//! The demo's own little control: which backends run, and stopping and starting them.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::http::header::ORIGIN;
use axum::response::Html;
use axum::response::IntoResponse;
use axum::response::Redirect;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;

use crate::daemon::demo::backend::Backend;
use crate::daemon::demo::site::wants_html;
use crate::model::output::OutputId;

const PAGE: &str = include_str!("control.html");

type Backends = Arc<[Backend]>;

/// Everything the control listener answers to.
pub fn router(backends: Backends) -> Router {
    Router::new()
        .route("/", get(list))
        .route("/stop/{name}", post(stop))
        .route("/start/{name}", post(start))
        .with_state(backends)
}

async fn list(State(backends): State<Backends>, headers: HeaderMap) -> Response {
    if wants_html(&headers) {
        Html(PAGE.replace("{rows}", &rows(&backends))).into_response()
    } else {
        backends
            .iter()
            .map(state_line)
            .collect::<String>()
            .into_response()
    }
}

async fn stop(
    State(backends): State<Backends>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    match ordered(&backends, &name, &headers) {
        Ok(backend) => {
            backend.stop();
            done(backend, &headers)
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn start(
    State(backends): State<Backends>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    match ordered(&backends, &name, &headers) {
        Ok(backend) => match backend.start() {
            Ok(()) => done(backend, &headers),
            Err(error) => {
                let text = format!("{name} does not start: {error}\n");
                (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
            }
        },
        Err(refusal) => refusal.into_response(),
    }
}

/// The backend an order is for; refused when another site's page gave it.
fn ordered<'b>(
    backends: &'b [Backend],
    name: &str,
    headers: &HeaderMap,
) -> Result<&'b Backend, (StatusCode, &'static str)> {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    let own = host.map(|host| format!("http://{host}"));
    if headers
        .get(ORIGIN)
        .is_some_and(|origin| own.is_none_or(|own| *origin != *own))
    {
        return Err((StatusCode::FORBIDDEN, "an order of another site\n"));
    }
    let index = OutputId::from_name(name).map(OutputId::index);
    let backend = index.and_then(|index| backends.get(index));
    backend.ok_or((StatusCode::NOT_FOUND, "no such backend\n"))
}

fn done(backend: &Backend, headers: &HeaderMap) -> Response {
    if wants_html(headers) {
        Redirect::to("/").into_response()
    } else {
        state_line(backend).into_response()
    }
}

fn state_line(backend: &Backend) -> String {
    let state = if backend.is_running() {
        "running"
    } else {
        "stopped"
    };
    format!("{} {state} {}\n", backend.output(), backend.address())
}

fn rows(backends: &[Backend]) -> String {
    let mut rows = String::new();
    for backend in backends {
        let name = backend.output();
        let (state, verb) = if backend.is_running() {
            ("running", "stop")
        } else {
            ("stopped", "start")
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            rows,
            "<tr class=\"{state}\"><th>{name}</th><td>{state}</td><td>{}</td>\
             <td><form method=\"post\" action=\"/{verb}/{name}\"><button>{verb}</button></form></td></tr>",
            backend.address()
        );
    }
    rows
}
