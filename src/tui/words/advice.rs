//! Advice on failures, classes and states.

use crate::config::Language;

texts! {}
