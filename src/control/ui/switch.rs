//! Orders from the page.

use std::time::Duration;

use axum::body::Body;
use axum::body::to_bytes;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::response::Response;
use percent_encoding::percent_decode;
use tokio::time::timeout;

use crate::control::ctl::orders::Orders;
use crate::control::ctl::query::Target;
use crate::control::ui::Refusal;
use crate::control::ui::guard::Guard;
use crate::control::ui::page;
use crate::model::standing::Switch;

/// Where orders go.
pub const PATH: &str = "/switch";

/// Three short fields.
const BODY_BYTES_MAX: usize = 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What a form says.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Form {
    pub output: String,
    pub to: String,
    token: String,
}

/// Does what the form in `body` orders. The page asks for JSON; a form without a script goes back to the page.
pub async fn carry_out(
    orders: &Orders,
    guard: &Guard,
    head: &Parts,
    body: Body,
) -> Result<Response, Refusal> {
    if head.method != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "POST only".to_owned()));
    }
    let form = admitted(guard, head, body).await?;
    let to = match form.to.as_str() {
        "enabled" => Switch::Enabled,
        "draining" => Switch::Draining,
        "disabled" => Switch::Disabled,
        other => {
            let text = format!("{other:?} is none of enabled, draining and disabled");
            return Err((StatusCode::BAD_REQUEST, text));
        }
    };
    let (Ok(answer) | Err(answer)) = orders.set(&Target::Channel(form.output), to).await;
    if by_script(head) {
        return Ok(answer.into_response());
    }
    let back = HeaderValue::from_static(page::PATH);
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, back)]).into_response())
}

/// What a form of the page says, from somebody who may give orders.
pub async fn admitted(guard: &Guard, head: &Parts, body: Body) -> Result<Form, Refusal> {
    guard.admit_order(&head.headers)?;
    let form = Form::read(&read(body).await?);
    if guard.knows_token(form.token.as_bytes()) {
        return Ok(form);
    }
    let text = "this page is older than HALB's last start: load it again";
    Err((StatusCode::FORBIDDEN, text.to_owned()))
}

/// Whether the page's script asks, which reads the answer.
pub fn by_script(head: &Parts) -> bool {
    let accepted = head.headers.get(header::ACCEPT);
    accepted.is_some_and(|value| value == super::JSON)
}

async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    let bytes = timeout(BODY_TIMEOUT, to_bytes(body, BODY_BYTES_MAX)).await;
    match bytes {
        Ok(Ok(bytes)) => Ok(bytes.to_vec()),
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "no such form".to_owned())),
        Err(_) => Err((
            StatusCode::REQUEST_TIMEOUT,
            "the form did not come".to_owned(),
        )),
    }
}

impl Form {
    /// `application/x-www-form-urlencoded`; what is not known is passed over.
    fn read(body: &[u8]) -> Form {
        let mut form = Form::default();
        for field in body.split(|byte| *byte == b'&') {
            let mut halves = field.splitn(2, |byte| *byte == b'=');
            let (name, value) = (halves.next(), halves.next().unwrap_or_default());
            let value: Vec<u8> = value
                .iter()
                .map(|byte| if *byte == b'+' { b' ' } else { *byte })
                .collect();
            let value = percent_decode(&value).decode_utf8_lossy().into_owned();
            match name {
                Some(b"output") => form.output = value,
                Some(b"to") => form.to = value,
                Some(b"token") => form.token = value,
                _ => {}
            }
        }
        form
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_as_browsers_write_them() {
        let form = Form::read(b"output=out%33&to=drain+ing&x&token=a%3Db&&=c");
        let expected = Form {
            output: "out3".to_owned(),
            to: "drain ing".to_owned(),
            token: "a=b".to_owned(),
        };
        assert_eq!(form, expected);
        assert_eq!(Form::read(b""), Form::default());
        assert_eq!(Form::read(b"\xff=%f&to").to, "");
    }
}
