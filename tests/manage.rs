//! Looking after what is there: new names, deletions, comparisons, the store, search, `wharf serve`.

mod delete;
mod diff;
mod search;
mod serve;
mod store;
mod tag;
