//! A TCP proxy that can hold still, so that a test can end a process at a known
//! moment: after it has sent a request and before the server has seen it, or
//! after the server has acted and before the answer has arrived.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A way through the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Requests,
    Replies,
}

/// What the connections have to obey.
#[derive(Debug, Clone, Copy, Default)]
struct Gate {
    held: Option<Direction>,
    /// Connections of an earlier age close.
    age: u64,
    /// Of the next reply so many bytes pass, and then its connection closes.
    cut: Option<usize>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    gate: watch::Sender<Gate>,
    /// Whether something was held back since the last pause.
    reached: watch::Sender<bool>,
}

/// A proxy on a free port of 127.0.0.1 that forwards to one address until it is dropped.
///
/// It lives on the runtime it was started on.
#[derive(Debug)]
pub(crate) struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    listener: JoinHandle<()>,
}

impl Proxy {
    /// Starts forwarding to `target`.
    pub(crate) async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let shared =
            Arc::new(Shared { target, gate: watch::Sender::new(Gate::default()), reached: watch::Sender::new(false) });
        let listener = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { addr, shared, listener })
    }

    /// Where clients connect to.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// From now on what clients send is held back. Replies still pass.
    pub(crate) fn pause(&self) {
        self.hold(Direction::Requests);
    }

    /// From now on what the server answers is held back. Requests still pass.
    pub(crate) fn pause_replies(&self) {
        self.hold(Direction::Replies);
    }

    /// Of the next reply `most` bytes pass, fewer than it has; then its connection closes, and the others go on.
    pub(crate) fn cut_next_reply(&self, most: usize) {
        self.shared.reached.send_replace(false);
        self.shared.gate.send_modify(|gate| gate.cut = Some(most));
    }

    fn hold(&self, direction: Direction) {
        self.shared.reached.send_replace(false);
        self.shared.gate.send_modify(|gate| gate.held = Some(direction));
    }

    /// Completes when something has been held back since the last pause.
    ///
    /// Any bytes count: give the proxy to a client that sends nothing but what the test waits for, or pause late.
    pub(crate) async fn reached(&self) {
        let mut reached = self.shared.reached.subscribe();
        // The sender lives in `self`, so the channel cannot close while we wait.
        let _ = reached.wait_for(|reached| *reached).await;
    }

    /// Lets everything pass again, first of all what was held back, even if its sender is gone by now.
    pub(crate) fn resume(&self) {
        self.shared.gate.send_modify(|gate| gate.held = None);
    }

    /// Closes all connections, discards what was held back, and lets new connections pass.
    pub(crate) fn drop_held(&self) {
        self.shared.gate.send_modify(|gate| *gate = Gate { held: None, age: gate.age + 1, cut: None });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listener.abort();
        self.drop_held();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // An error here concerns one connection that went before we took it.
    loop {
        if let Ok((client, _)) = listener.accept().await {
            // Subscribed before it is served: `drop_held` closes all that was accepted until then.
            let gate = shared.gate.subscribe();
            tokio::spawn(serve(client, gate, Arc::clone(&shared)));
        }
    }
}

/// Carries one connection until either side or the test ends it.
async fn serve(client: TcpStream, mut gate: watch::Receiver<Gate>, shared: Arc<Shared>) {
    let age = gate.borrow_and_update().age;
    let mut closing = gate.clone();
    let carried = async {
        let server = TcpStream::connect(shared.target).await?;
        let (client_read, client_write) = client.into_split();
        let (server_read, server_write) = server.into_split();
        let requests = Passage { direction: Direction::Requests, age, gate: gate.clone(), shared: &shared };
        let replies = Passage { direction: Direction::Replies, age, gate, shared: &shared };
        tokio::try_join!(requests.carry(client_read, server_write), replies.carry(server_read, client_write))
    };
    // Dropping the sockets closes them; a broken connection is what the other side sees too.
    tokio::select! {
        _ = closing.wait_for(|gate| gate.age != age) => {}
        _ = carried => {}
    }
}

/// One direction of one connection.
struct Passage<'a> {
    direction: Direction,
    age: u64,
    gate: watch::Receiver<Gate>,
    shared: &'a Shared,
}

impl Passage<'_> {
    async fn carry(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = from.read(&mut buffer).await?;
            let bytes = buffer.get(..count).unwrap_or_default();
            self.pass(bytes).await?;
            if bytes.is_empty() {
                return to.shutdown().await;
            }
            if let Some(part) = self.part_of(bytes) {
                to.write_all(part).await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            to.write_all(bytes).await?;
        }
    }

    /// What passes of a reply that is to be cut; `None` where this one is not.
    fn part_of<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let mut most = None;
        if self.direction == Direction::Replies {
            self.shared.gate.send_if_modified(|gate| {
                most = gate.cut.take_if(|most| *most < bytes.len());
                most.is_some()
            });
        }
        let part = most.and_then(|most| bytes.get(..most));
        if part.is_some() {
            self.shared.reached.send_replace(true);
        }
        part
    }

    /// Waits until `bytes` may pass. That the way is open and that the connection is of an earlier age can become true
    /// at once; then it has to close, and nothing may slip through.
    async fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Self { direction, age, gate, shared } = self;
        if gate.borrow_and_update().held == Some(*direction) && !bytes.is_empty() {
            shared.reached.send_replace(true);
        }
        let open = |gate: &Gate| gate.held != Some(*direction) || gate.age != *age;
        let now = gate.wait_for(open).await.map_err(io::Error::other)?;
        if now.age == *age { Ok(()) } else { Err(io::ErrorKind::ConnectionAborted.into()) }
    }
}
