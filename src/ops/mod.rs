//! What keeps a process observable and well-behaved: logs, probes and shutdown. It knows nothing of the domain.

pub mod probes;
pub mod shutdown;
pub mod telemetry;
