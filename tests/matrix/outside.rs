//! The second door: a server before the real simulator. The operator's own clients talk to it over TLS.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract;
use axum::response::Response;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use threat_protection_operator::remote::broker::{Broker, BrokerAuth, BrokerSettings, OperatorIdentity};
use threat_protection_operator::remote::hosts::{HostOverrides, Hosts};
use threat_protection_operator::remote::outside::Outside;
use threat_protection_operator::remote::session::{Gate, MicrosoftSettings};
use threat_protection_operator::simulator::server::{self, Options, Running};
use threat_protection_operator::simulator::tls;
use threat_protection_operator::tenant::Cloud;
use tower::Service;

use crate::door::Door;
use crate::support::simulator::Simulator;
use crate::wire::{Answer, Cut, OF_CONNECTION, Party, Reply, Request, Sender};

const USER: &str = "operator";
const PASSWORD: &str = "secret";
const TIME_OUT: Duration = Duration::from_secs(30);

/// The simulated world, shared by the runs of a story: each has a tenant of its own.
pub(crate) struct World {
    pub(crate) simulator: Simulator,
    url: String,
    tls: RustlsConfig,
    authority: Vec<u8>,
    client: reqwest::Client,
    _running: Running,
}

impl World {
    /// Starts a simulator with its state in `directory`.
    pub(crate) async fn start(directory: &Path) -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let state = directory.join("simulator.json");
        let options = Options {
            state: state.clone(),
            listen: loopback,
            control: loopback,
            allow_non_loopback: false,
            sans: Vec::new(),
            username: USER.to_owned(),
            password: PASSWORD.to_owned(),
            tenants: Vec::new(),
        };
        let running = server::start(options).await.expect("a simulator");
        let (tls, ca_file) = tls::prepare(&state, &[]).await.expect("a certificate of the same authority");
        let authority = std::fs::read(ca_file).expect("the authority is there");
        let certificate = reqwest::Certificate::from_pem(&authority).expect("a certificate");
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .tls_certs_only([certificate])
            .build()
            .expect("a client");
        let simulator = Simulator::new(&running.control_url);
        Self { simulator, url: running.broker_url.clone(), tls, authority, client, _running: running }
    }
}

/// The server of one run.
pub(crate) struct Front {
    url: String,
    authority: Vec<u8>,
    handle: Handle<SocketAddr>,
}

impl Front {
    /// Listens on a free port and hands what passes `door` on to the simulator.
    pub(crate) fn open(door: &Arc<Door>, world: &World) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let address = listener.local_addr().expect("an address");
        let (door, client, base) = (Arc::clone(door), world.client.clone(), world.url.clone());
        let sender: Sender = Arc::new(move |request| forwarded(client.clone(), base.clone(), request).boxed());
        let routes = Router::new().fallback(move |request: extract::Request| {
            let (door, sender) = (Arc::clone(&door), Arc::clone(&sender));
            async move { passed(&door, sender, request).await }
        });
        let handle = Handle::new();
        let server = axum_server::from_tcp_rustls(listener, world.tls.clone()).expect("a server");
        tokio::spawn(server.handle(handle.clone()).serve(Connections(routes)));
        Self { url: format!("https://{address}"), authority: world.authority.clone(), handle }
    }

    /// The operator's own clients, as a new process has them.
    pub(crate) fn outside(&self, has_broker: bool) -> Outside {
        let url = |suffix: &str| format!("{}{suffix}", self.url).parse().expect("an address");
        let broker = has_broker.then(|| {
            Broker::new(BrokerSettings {
                url: url(""),
                auth: BrokerAuth::Basic { username: USER.to_owned(), password: PASSWORD.into() },
                ca_bundle: Some(self.authority.clone()),
                offering: "microsoft-threat-protection".to_owned(),
                plan: "standard".to_owned(),
                cluster_id: "matrix".to_owned(),
                operator: OperatorIdentity::default(),
                request_timeout: TIME_OUT,
            })
            .expect("a client of the broker")
        });
        let here = HostOverrides { login: Some(url("")), graph: Some(url("/v1.0")), arm: Some(url("")) };
        let gate = Gate::new(MicrosoftSettings {
            hosts: Hosts::overridden([(Cloud::Public, here)].into()).expect("addresses that may be asked"),
            ca_bundle: Some(self.authority.clone()),
            request_timeout: TIME_OUT,
            allow_simulator: true,
            requests_per_minute: 60_000.try_into().expect("not zero"),
        });
        Outside::new(broker, gate.expect("a way to Microsoft's APIs"))
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

async fn passed(door: &Door, sender: Sender, request: extract::Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let party = if path.starts_with("/v2/") { Party::Broker } else { Party::Microsoft };
    let Ok(body) = to_bytes(body, usize::MAX).await else { return cut() };
    let request = Request { party, method: head.method.to_string(), path, headers: head.headers, body };
    match door.cross(request, sender).await {
        Ok(reply) => {
            let mut response = Response::builder().status(reply.status);
            for (name, value) in &reply.headers {
                response = response.header(name, value);
            }
            response.body(Body::from(reply.body)).unwrap_or_else(|_| cut())
        }
        Err(Cut) => cut(),
    }
}

async fn forwarded(client: reqwest::Client, base: String, request: Request) -> Answer {
    let method = request.method.parse().map_err(|_| Cut)?;
    let mut headers = request.headers;
    for name in OF_CONNECTION {
        headers.remove(name);
    }
    let sent = client.request(method, format!("{base}{}", request.path)).headers(headers).body(request.body).send();
    let response = sent.await.map_err(|_| Cut)?;
    let (status, mut headers) = (response.status().as_u16(), response.headers().clone());
    for name in OF_CONNECTION {
        headers.remove(name);
    }
    let body = response.bytes().await.map_err(|_| Cut)?;
    Ok(Reply { status, headers, body })
}

/// Marks a response that must not be sent: the connection is dropped instead.
#[derive(Clone, Copy)]
struct NoAnswer;

fn cut() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(NoAnswer);
    response
}

/// Makes the service of each connection.
#[derive(Clone)]
struct Connections(Router);

impl Service<SocketAddr> for Connections {
    type Response = Connection;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Connection, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: SocketAddr) -> Self::Future {
        std::future::ready(Ok(Connection(self.0.clone())))
    }
}

#[derive(Clone)]
struct Connection(Router);

impl<B> Service<axum::http::Request<B>> for Connection
where
    B: Send + 'static,
    Router: Service<axum::http::Request<B>, Response = Response, Error = Infallible>,
    <Router as Service<axum::http::Request<B>>>::Future: Send + 'static,
{
    type Response = Response;
    type Error = std::io::Error;
    type Future = BoxFuture<'static, Result<Response, std::io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: axum::http::Request<B>) -> Self::Future {
        let answer = self.0.call(request);
        Box::pin(async move {
            let Ok(response) = answer.await;
            if response.extensions().get::<NoAnswer>().is_some() {
                return Err(std::io::Error::other("cut"));
            }
            Ok(response)
        })
    }
}
