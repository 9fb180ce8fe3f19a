//! Looking after what is there: new names, deletions, comparisons, the store, search, `wharf serve`.

mod delete;
mod tag;
