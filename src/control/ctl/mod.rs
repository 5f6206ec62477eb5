//! The terminal `ctl`: orders and questions over HTTP, in the seed's own words (SPEC 6).
//!
//! - `guard`: who may, and what no browser is tricked into
//! - `query`: which outputs are meant; `orders`: the switches; `answer`: what is said
//! - `domain`: the domain; `client`: the other side, `halb ctl`

pub mod answer;
pub mod client;
pub mod domain;
pub mod guard;
pub mod orders;
pub mod query;
mod report;

pub use crate::control::ctl::report::reloaded;

use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use axum::extract::State;
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::response::Response;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::spawn;

use crate::balance::hash::HashKey;
use crate::control::ctl::answer::Answer;
use crate::control::ctl::domain::Asked;
use crate::control::ctl::domain::Desk;
use crate::control::ctl::guard::Guard;
use crate::control::ctl::orders::Orders;
use crate::control::figures::Figures;
use crate::control::overview::Recorder;
use crate::control::reload::Reloader;
use crate::control::serve::Ends;
use crate::control::shared::Derived;
use crate::control::shared::Shared;
use crate::model::standing::Switch;

/// Everything the terminal needs.
pub struct Ctl {
    pub shared: Arc<Shared>,
    pub orders: Arc<Orders>,
    pub reloader: Arc<Reloader>,
    pub recorder: Arc<Recorder>,
    /// As the configuration in force wants it.
    pub guard: Derived<Guard>,
    /// Drawn at this start.
    pub secret: HashKey,
}

/// Everything the listener answers to.
pub fn router(ctl: Ctl) -> Router {
    Router::new().fallback(answer).with_state(Arc::new(ctl))
}

async fn answer(
    State(ctl): State<Arc<Ctl>>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    request: Request,
) -> Response {
    let (head, _no_body_is_read) = request.into_parts();
    match ctl.answer(&ends, &head).await {
        Ok(answer) | Err(answer) => answer.into_response(),
    }
}

impl Ctl {
    async fn answer(&self, ends: &Ends, request: &Parts) -> Result<Answer, Answer> {
        let current = self.shared.current();
        let guard = self.guard.of(&current, || {
            Guard::new(&current.config, &current.plan, self.secret.clone())
        });
        guard.admit(ends, request)?;
        if request.method != Method::GET {
            return Err(Answer::only_get());
        }
        let path = percent_decode_str(request.uri.path()).decode_utf8_lossy();
        let figures = || Figures::collect(&self.shared);
        match &*path {
            "/api/enable" => self.switch(&guard, request, Switch::Enabled).await,
            "/api/drain" => self.switch(&guard, request, Switch::Draining).await,
            "/api/disable" => self.switch(&guard, request, Switch::Disabled).await,
            "/api/reload" => self.reload(&guard, request).await,
            "/api/status" => Ok(report::status(&figures())),
            "/api/sessions" => Ok(report::sessions(&figures())),
            "/api/counters" => Ok(report::counters(&figures())),
            "/api/health" => Ok(report::health(&figures())),
            "/api/overview" => Ok(of("overview", self.recorder.overview().json())),
            "/api/history" => Ok(of("history", self.recorder.history())),
            _ => self.domain(&guard, request, &path).await,
        }
    }

    async fn switch(&self, guard: &Guard, request: &Parts, to: Switch) -> Result<Answer, Answer> {
        guard.admit_change(&request.headers)?;
        let meant = query::target(request.uri.query().unwrap_or_default())?;
        self.orders.set(&meant, to).await
    }

    async fn domain(&self, guard: &Guard, request: &Parts, path: &str) -> Result<Answer, Answer> {
        let unknown = || Answer::unknown_path(path);
        let verb = path.strip_prefix(domain::PREFIX).ok_or_else(unknown)?;
        let query = request.uri.query().unwrap_or_default();
        let asked = Asked::read(verb, query).ok_or_else(unknown)??;
        if asked.changes() {
            guard.admit_change(&request.headers)?;
        }
        let nobody = || {
            Answer::not_done(
                "there is no [domain] in the configuration in force: docs/domain.md says how to set one up",
            )
        };
        let desk = Desk::of(&self.shared).ok_or_else(nobody)?;
        // On a task of its own: who goes away must not end it half-way.
        let target = format!("{path}?{query}");
        match spawn(async move { desk.ask(&asked, &target).await }).await {
            Ok(answer) => answer,
            Err(_) => Err(Answer::not_done("the end has begun")),
        }
    }

    async fn reload(&self, guard: &Guard, request: &Parts) -> Result<Answer, Answer> {
        guard.admit_change(&request.headers)?;
        // On a task of its own: who goes away must not end a reload half-way.
        if let Some(file) = self.shared.domain().and_then(|domain| domain.file()) {
            let file = Arc::clone(file);
            return match spawn(async move { file.reload(false).await }).await {
                Ok(answered) => answered.answer(),
                Err(_) => Err(Answer::not_done("the end has begun")),
            };
        }
        let reloader = Arc::clone(&self.reloader);
        match spawn(async move { reloader.reload().await }).await {
            Ok(reloaded) => report::reloaded(&reloaded),
            Err(_) => Err(Answer::not_done("the end has begun")),
        }
    }
}

fn of(name: &str, value: Value) -> Answer {
    Answer::of(vec![(name.to_owned(), value)])
}

#[cfg(test)]
mod tests;
