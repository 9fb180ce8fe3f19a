//! The tests that look at wharf from outside: one binary, one module a story.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "in a test they are assertions, and it documents itself"
)]

mod archive_out;
mod batch;
mod browse;
mod chaos;
mod copy;
mod daemon;
mod demo;
mod editor;
mod errors;
mod exchange;
mod export;
mod faults;
mod formats;
mod import;
mod killed;
mod lacking;
mod layering;
mod limits;
mod login;
mod manage;
mod networks;
mod outliving;
mod outside;
mod plan_totals;
mod ranged;
mod read_only;
mod record;
mod referrers;
mod registry_info;
mod resume;
mod shared_layers;
mod support;
mod sync;
mod terminal;
mod tui;
mod tui_jobs;
mod typed_files;
mod ways_out;
mod welcome;
mod wrong_bytes;
mod yanked;
