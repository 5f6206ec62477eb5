//! Server-sent events: an overview a second, the same text for all who watch.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use axum::body::Body;
use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use futures_core::Stream;
use tokio::sync::watch::Receiver;

/// What a browser waits before it tries again.
const RETRY: &str = "retry: 1000\n\n";

/// Follows `overviews` until the watcher goes.
pub fn stream(overviews: Receiver<Bytes>) -> Response {
    let watch = Watch {
        begun: false,
        next: Box::pin(newest(overviews)),
    };
    let kind = HeaderValue::from_static("text/event-stream");
    let mut response = Body::from_stream(watch).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

type Next = dyn Future<Output = Option<(Bytes, Receiver<Bytes>)>> + Send;

struct Watch {
    begun: bool,
    next: Pin<Box<Next>>,
}

/// Waits for a text that was not seen yet; those it missed are gone.
async fn newest(mut overviews: Receiver<Bytes>) -> Option<(Bytes, Receiver<Bytes>)> {
    overviews.changed().await.ok()?;
    let text = overviews.borrow_and_update().clone();
    Some((text, overviews))
}

impl Stream for Watch {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if !this.begun {
            this.begun = true;
            return Poll::Ready(Some(Ok(Bytes::from_static(RETRY.as_bytes()))));
        }
        match this.next.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some((text, overviews))) => {
                this.next = Box::pin(newest(overviews));
                Poll::Ready(Some(Ok(text)))
            }
        }
    }
}
