//! What the stories stand on: a terminal to type into, registries and engines to talk to, images to move, and
//! faults to meet on the way.
// Every story uses its part of it.
#![allow(dead_code)]

pub mod artifact;
pub mod engine;
pub mod fault;
pub mod gateway;
pub mod held;
pub mod image;
pub mod pair;
pub mod peers;
pub mod pty;
pub mod relay;
pub mod token;
pub mod visible;
pub mod wharf;
