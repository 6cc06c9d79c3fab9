//! The rows of the transition table, one case each, and the laws that hold for all of them.

mod authority;
mod deletion;
mod doubts;
mod eligibility;
mod fixture;
mod found;
mod generated;
mod handoffs;
mod laws;
mod links;
mod model;
mod operations;
mod pacing;
mod person;
mod policies;
mod readings;
mod stories;
mod story;
mod transitions;
