//! The first door: a client of the API server whose every request passes.

use std::sync::Arc;
use std::task::{Context, Poll};

use axum::http::{self, HeaderMap};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use kube::Client;
use kube::client::Body;
use tower::{BoxError, Service};

use crate::door::Door;
use crate::wire::{Answer, Cut, Party, Reply, Request, Sender};

/// A client of `behind` whose every request passes `door`.
pub(crate) fn client(door: &Arc<Door>, behind: &Client) -> Client {
    Client::new(Passage { door: Arc::clone(door), behind: behind.clone() }, "default")
}

#[derive(Clone)]
struct Passage {
    door: Arc<Door>,
    behind: Client,
}

impl Service<http::Request<Body>> for Passage {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Self { door, behind } = self.clone();
        async move {
            let (parts, body) = request.into_parts();
            let request = Request {
                party: Party::ApiServer,
                method: parts.method.to_string(),
                path: parts.uri.to_string(),
                headers: parts.headers,
                body: body.collect_bytes().await?,
            };
            let sender: Sender = Arc::new(move |request| sent(behind.clone(), request).boxed());
            match door.cross(request, sender).await {
                Ok(reply) => {
                    let mut response = http::Response::builder().status(reply.status);
                    for (name, value) in &reply.headers {
                        response = response.header(name, value);
                    }
                    Ok(response.body(Body::from(reply.body))?)
                }
                Err(Cut) => Err("the connection was reset".into()),
            }
        }
        .boxed()
    }
}

async fn sent(client: Client, request: Request) -> Answer {
    let mut wire = http::Request::builder().method(request.method.as_str()).uri(&request.path);
    for (name, value) in &request.headers {
        wire = wire.header(name, value);
    }
    let wire = wire.body(Body::from(request.body)).map_err(|_| Cut)?;
    let response = client.send(wire).await.map_err(|_| Cut)?;
    let (parts, body) = response.into_parts();
    let body = body.collect_bytes().await.map_err(|_| Cut)?;
    let content_type = parts.headers.get("content-type").cloned();
    let headers: HeaderMap = content_type.map(|value| (http::header::CONTENT_TYPE, value)).into_iter().collect();
    Ok(Reply { status: parts.status.as_u16(), headers, body })
}
