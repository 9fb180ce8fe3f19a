//! The tests that look at wharf from outside: one module a story.

#![allow(clippy::unwrap_used, clippy::panic)]

mod layering;
