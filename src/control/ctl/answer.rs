//! What `ctl` says: `{"status":{"code":0,"message":""}}` and what belongs to it, in a fixed order.

use std::fmt::Write;

use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;

/// Done.
pub const DONE: u8 = 0;
/// Not done, and nothing changed.
pub const NOT_DONE: u8 = 10;
/// See the message.
pub const ERROR: u8 = 100;

/// One answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    status: StatusCode,
    code: u8,
    message: String,
    more: Vec<(String, Value)>,
}

impl Answer {
    pub fn done() -> Answer {
        Answer::new(StatusCode::OK, DONE, "")
    }

    /// A question's answer.
    pub fn of(more: Vec<(String, Value)>) -> Answer {
        Answer {
            more,
            ..Answer::done()
        }
    }

    pub fn not_done(message: &str) -> Answer {
        Answer::new(StatusCode::OK, NOT_DONE, message)
    }

    /// The query cannot be understood.
    pub fn malformed(message: &str) -> Answer {
        Answer::new(StatusCode::OK, ERROR, message)
    }

    /// It was understood, and cannot be done.
    pub fn failed(message: &str, more: Vec<(String, Value)>) -> Answer {
        Answer {
            more,
            ..Answer::new(StatusCode::OK, ERROR, message)
        }
    }

    /// With a message, though it was done.
    pub fn saying(message: &str, more: Vec<(String, Value)>) -> Answer {
        Answer {
            more,
            ..Answer::new(StatusCode::OK, DONE, message)
        }
    }

    /// Not for this one, or not like this.
    pub fn refused(message: &str) -> Answer {
        Answer::new(StatusCode::FORBIDDEN, ERROR, message)
    }

    pub fn needs_token() -> Answer {
        let message = "the token is missing or wrong (Authorization: Bearer TOKEN)";
        Answer::new(StatusCode::UNAUTHORIZED, ERROR, message)
    }

    pub fn bad_request(message: &str) -> Answer {
        Answer::new(StatusCode::BAD_REQUEST, ERROR, message)
    }

    pub fn only_get() -> Answer {
        Answer::new(StatusCode::METHOD_NOT_ALLOWED, ERROR, "GET only")
    }

    pub fn unknown_path(path: &str) -> Answer {
        let message = format!("{path} is not known");
        Answer::new(StatusCode::NOT_FOUND, ERROR, &message)
    }

    /// No traffic can be served.
    pub fn unavailable(message: &str) -> Answer {
        Answer::new(StatusCode::SERVICE_UNAVAILABLE, NOT_DONE, message)
    }

    pub fn code(&self) -> u8 {
        self.code
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    /// What another server has said.
    pub fn from_body(body: &[u8]) -> Option<Answer> {
        let mut whole: Value = serde_json::from_slice(body).ok()?;
        let Value::Object(mut more) = whole.get_mut("status")?.take() else {
            return None;
        };
        let code = u8::try_from(more.remove("code")?.as_u64()?).ok()?;
        let message = more.remove("message")?.as_str()?.to_owned();
        Some(Answer {
            status: StatusCode::OK,
            code,
            message,
            more: more.into_iter().collect(),
        })
    }

    /// As it goes over the wire.
    pub fn body(&self) -> String {
        let message = Value::from(self.message.as_str());
        let mut text = format!(r#"{{"status":{{"code":{},"message":{message}"#, self.code);
        for (name, value) in &self.more {
            // Writing to a String cannot fail.
            let _ = write!(text, ",{}:{value}", Value::from(name.as_str()));
        }
        text.push_str("}}");
        text
    }

    fn new(status: StatusCode, code: u8, message: &str) -> Answer {
        Answer {
            status,
            code,
            message: message.to_owned(),
            more: Vec::new(),
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let kind = HeaderValue::from_static("application/json");
        let fields = [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        let mut response = (self.status, fields, self.body()).into_response();
        let besides = match self.status {
            StatusCode::METHOD_NOT_ALLOWED => Some((header::ALLOW, "GET")),
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            _ => None,
        };
        if let Some((name, value)) = besides {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_the_seeds() {
        assert_eq!(
            Answer::done().body(),
            r#"{"status":{"code":0,"message":""}}"#
        );
        let more = vec![("out1".to_owned(), "up".into()), ("n".to_owned(), 7.into())];
        let expected = r#"{"status":{"code":0,"message":"","out1":"up","n":7}}"#;
        assert_eq!(Answer::of(more).body(), expected);
        let expected = r#"{"status":{"code":100,"message":"a \"b\"\n"}}"#;
        assert_eq!(Answer::malformed("a \"b\"\n").body(), expected);
    }
}
