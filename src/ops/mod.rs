//! What keeps a process observable and well-behaved: logs, metrics, probes and shutdown. It knows nothing of the domain.

pub mod exposition;
pub mod follow;
pub mod heartbeat;
pub mod metrics;
pub mod probes;
pub mod shutdown;
pub mod telemetry;
