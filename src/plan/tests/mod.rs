//! The rows of the transition table, one case each, and the laws that hold for all of them.

mod authority;
mod calls;
mod deletion;
mod doubts;
mod eligibility;
mod experiences;
mod eyes;
mod fixture;
mod flapping;
mod handoffs;
mod integrations;
mod laws;
mod links;
mod operations;
mod pacing;
mod policies;
mod settled;
mod transitions;
mod verdicts;
mod words;
