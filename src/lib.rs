//! wharf moves container images between registries, Docker hosts and files: a keyboard-driven terminal
//! program with a headless twin, on one engine.
//!
//! # The map of the house
//!
//! | module | what it is |
//! |---|---|
//! | [`oci`] | pure types, no I/O: reference, location, digest, descriptor, platform, manifest, error class |
//! | [`job`] | what is to be done, as data: specification, states, plan, progress, events |
//! | [`transport`] | where images live: registries, archives, container engines, wharf's own store |
//! | [`ledger`] | the local database: jobs, history, blob locations |
//! | [`engine`] | the library API: plans and runs jobs, answers questions |
//! | [`config`] | `config.yaml`, credentials, batch files: read, validated, explained |
//! | [`cli`] | one file a command; text and JSON |
//! | [`tui`] | the terminal UI |
//! | [`serve`] | an OCI registry over the local store; the demo and the tests run on it |
//! | [`app`] | the wiring: configuration → options, logging, signals, which front end runs |
//!
//! # The one rule
//!
//! Who may name whom (`tests/layering` checks every `crate::` path): `job → oci`; `transport → oci`;
//! `config → oci, job`; `ledger → oci, job`; `engine → oci, job, transport, ledger`; `serve → oci, transport`;
//! `cli → oci, job, config, engine`; `tui → oci, job, config, engine`; `app → all`; `main → app`.
//!
//! # The one flow
//!
//! Key → Keymap → Action → `update(&mut State, Msg) -> Vec<Effect>` → State → `view(&State, Frame)`.
//! Effect → Engine → Worker → JobEvent → Msg → `update`. `update` never awaits, `view` never changes state, one
//! file runs effects. Byte counts are atomics sampled on a tick, never a message per chunk.

pub mod app;
pub mod cli;
pub mod config;
pub mod engine;
pub mod job;
pub mod ledger;
pub mod oci;
pub mod serve;
pub mod transport;
pub mod tui;
