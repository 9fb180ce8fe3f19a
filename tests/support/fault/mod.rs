//! A proxy in front of any registry that injects faults by rule, counts requests, and streams what it does not spoil.
//!
//! ```ignore
//! let proxy = Proxy::start(&registry.host()).await;
//! proxy.add(on("GET", Kind::Blob).nth(2).then(Fault::CutResponse(1_000)));
//! // … copy from proxy.host() …
//! assert_eq!(proxy.count("GET", Kind::Blob), 5);
//! ```

mod body;
mod chaos;
mod dice;
mod proxy;
mod refusal;
mod rule;

pub use chaos::{Chaos, Weather};
pub use dice::Dice;
pub use proxy::Proxy;
pub use rule::{Fault, Kind, Rule, any, on};

mod tests;
