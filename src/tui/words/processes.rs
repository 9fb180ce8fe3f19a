//! Jobs of other processes, and ways out.

use crate::config::Language;

texts! {}
