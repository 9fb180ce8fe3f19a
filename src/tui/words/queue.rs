//! The queue, its options, what was pasted, and the plan.

use crate::config::Language;

texts! {}
