//! Starts and stops the simulator: state file, certificates, the broker and Microsoft's APIs over TLS, the control port over
//! plain HTTP.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum_server::Handle;
use futures::future::BoxFuture;
use tokio::task::JoinHandle;
use tower::Service;

use super::broker;
use super::control::{self, SeedError};
use super::delivery::CutConnection;
use super::microsoft;
use super::store::{Store, StoreError};
use super::tenant::Tenant;
use super::tls::{self, TlsError};
use super::world::World;

/// How the simulator is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The state file; the log, the authority and its key lie beside it.
    pub state: PathBuf,
    /// Where the broker and Microsoft's APIs listen; port 0 is any free one.
    pub listen: SocketAddr,
    /// Where the control port listens; port 0 is any free one.
    pub control: SocketAddr,
    /// Whether others than this machine may connect.
    pub allow_non_loopback: bool,
    /// Names and addresses of the server certificate besides those of this machine itself and `listen`.
    pub sans: Vec<String>,
    /// User name of the broker.
    pub username: String,
    /// Password of the broker.
    pub password: String,
    /// Tenants to put into the world, where they are not there already.
    pub tenants: Vec<Tenant>,
}

/// The simulator could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address that others could reach.
    #[error(
        "{address} is not a loopback address; a simulator has no business in a network, but --allow-non-loopback allows it"
    )]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The port is taken, or the address is not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The state file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The seed list.
    #[error(transparent)]
    Seed(#[from] SeedError),
}

/// A running simulator.
#[derive(Debug)]
pub struct Running {
    /// `https://…` of the broker.
    pub broker_url: String,
    /// `https://…` of Microsoft's own APIs: the same.
    pub microsoft_url: String,
    /// `http://…` of the control port.
    pub control_url: String,
    /// The certificate of the authority, PEM.
    pub ca_file: PathBuf,
    world: Arc<World>,
    handle: Handle<SocketAddr>,
    tasks: [JoinHandle<std::io::Result<()>>; 2],
}

impl Running {
    /// Stops listening and folds the log into the state file.
    ///
    /// # Errors
    /// The state file could not be written; nothing is lost, the log still has it.
    pub async fn stop(self) -> Result<(), StoreError> {
        self.handle.graceful_shutdown(Some(Duration::from_millis(500)));
        let [broker, control] = self.tasks;
        control.abort();
        // An aborted task and a listener that failed both mean that nobody is served any more.
        let _ = broker.await;
        let _ = control.await;
        self.world.fold()
    }
}

/// Starts the simulator; it listens when this returns.
pub async fn start(options: Options) -> Result<Running, ServerError> {
    let broker_listener = listen(options.listen, options.allow_non_loopback)?;
    let control_listener = listen(options.control, options.allow_non_loopback)?;
    let broker_address = address_of(&broker_listener, options.listen)?;
    let control_address = address_of(&control_listener, options.control)?;
    let (store, state) = Store::open(&options.state)?;
    let mut names = options.sans;
    // Nobody asks for the address that stands for all.
    if !broker_address.ip().is_unspecified() {
        names.push(broker_address.ip().to_string());
    }
    let (config, ca_file) = tls::prepare(&options.state, &names).await?;
    let world = Arc::new(World::new(store, state, options.username, options.password));
    for tenant in options.tenants {
        let is_known = world.look().state.tenant(tenant.tenant_id).is_some();
        if !is_known {
            control::seed(&world, tenant)?;
        }
    }
    let handle = Handle::new();
    let failed = |address| move |source| ServerError::Listen { address, source };
    let server = axum_server::from_tcp_rustls(broker_listener, config).map_err(failed(broker_address))?;
    let routes = broker::router(world.clone()).merge(microsoft::router(world.clone()));
    let serve = server.handle(handle.clone()).serve(Connections(routes));
    let control_listener = tokio::net::TcpListener::from_std(control_listener).map_err(failed(control_address))?;
    let control_routes = control::router(world.clone());
    let tasks = [tokio::spawn(serve), tokio::spawn(async move { axum::serve(control_listener, control_routes).await })];
    Ok(Running {
        broker_url: format!("https://{broker_address}"),
        microsoft_url: format!("https://{broker_address}"),
        control_url: format!("http://{control_address}"),
        ca_file,
        world,
        handle,
        tasks,
    })
}

fn listen(address: SocketAddr, allow_non_loopback: bool) -> Result<TcpListener, ServerError> {
    if !address.ip().is_loopback() && !allow_non_loopback {
        return Err(ServerError::NotLoopback { address });
    }
    let listener = TcpListener::bind(address).map_err(|source| ServerError::Listen { address, source })?;
    listener.set_nonblocking(true).map_err(|source| ServerError::Listen { address, source })?;
    Ok(listener)
}

fn address_of(listener: &TcpListener, asked: SocketAddr) -> Result<SocketAddr, ServerError> {
    listener.local_addr().map_err(|source| ServerError::Listen { address: asked, source })
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

/// The routes, except that a response marked with [`CutConnection`] becomes an error, at which the server drops the
/// connection without a byte of an answer.
#[derive(Clone)]
struct Connection(Router);

impl<B> Service<Request<B>> for Connection
where
    B: Send + 'static,
    Router: Service<Request<B>, Response = Response, Error = Infallible>,
    <Router as Service<Request<B>>>::Future: Send + 'static,
{
    type Response = Response;
    type Error = std::io::Error;
    type Future = BoxFuture<'static, Result<Response, std::io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        // Routers are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answer = self.0.call(request);
        Box::pin(async move {
            let Ok(response) = answer.await;
            if response.extensions().get::<CutConnection>().is_some() {
                return Err(std::io::Error::other("cut on request"));
            }
            Ok(response)
        })
    }
}
