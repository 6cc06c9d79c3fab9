//! Shutdown: the first signal asks for an orderly end, the second one ends at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit code of a process that was ended by a second signal: 128 and the number of SIGINT.
const CUT_OFF: i32 = 130;

/// A token that SIGTERM or SIGINT cancels. Must be called within a runtime.
pub fn on_signals() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let asked = token.clone();
    tokio::spawn(async move {
        let name = either(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = name, "ending; another signal ends at once");
        asked.cancel();
        let name = either(&mut terminate, &mut interrupt).await;
        tracing::warn!(signal = name, "ended at once");
        exit();
    });
    Ok(token)
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

#[expect(clippy::disallowed_methods, reason = "the second signal means that nobody waits any longer")]
fn exit() {
    std::process::exit(CUT_OFF);
}
