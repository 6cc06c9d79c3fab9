//! A Kubernetes operator that turns on, pins, links and deprovisions Microsoft Threat Protection (today Microsoft
//! Defender XDR) for tenants, as declared by `ThreatProtectionTenant` resources.
//!
//! A pure planner inside two thin shells: one talks to the cluster, the other to the outside world. One pass over one
//! resource is this list, and `controller::reconcile` reads like it:
//!
//! ```text
//! resource, tenancy      ──▶ Desired + Permit    what is asked for, and whether it may be      plan::desired
//! broker                 ──▶ Observed            one snapshot, every reading three-valued      remote
//! Situation { desired, permit, observed, memory, recent, capabilities, now }
//! plan(&Situation)       ──▶ Plan                steps, what it waits for and why, drift       plan::planner
//! hold(&Situation, Plan) ──▶ finalizer           added before anything is sent                 plan::release
//! report(&Situation, ..) ──▶ intent in status    written before anything irreversible          controller
//! execute(plan.next())   ──▶ Outcome             at most one step a pass                       remote
//! report(&Situation, ..) ──▶ status              the whole status, written only if it differs  controller
//! pace(&Situation, ..)   ──▶ when to look again                                                plan::pace
//! ```
//!
//! Deletion is the same list. Nothing survives between two passes but the status: a restart at any point loses nothing.

pub mod api;
pub mod cli;
pub mod config;
pub mod controller;
pub mod ops;
pub mod plan;
pub mod remote;
pub mod tenant;
