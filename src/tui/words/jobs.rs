//! Jobs, their failures and their history.

use crate::config::Language;

texts! {}
