//! The mouse, and the borders that it moved.

use std::time::Duration;

use crate::tui::view::layout::{Borders, Edge};

/// See the module.
#[derive(Debug, Clone)]
pub struct Mouse {
    /// Whether it is listened to. Else the terminal selects text with it.
    pub on: bool,
    /// Where the borders between the panes are; for the session.
    pub borders: Borders,
    /// The border that is being dragged.
    pub dragged: Option<Edge>,
    /// Where and when it was last pressed: twice at once opens.
    pub pressed: Option<(u16, u16, Duration)>,
}

impl Mouse {
    /// A mouse that has moved nothing yet.
    pub fn new(on: bool) -> Mouse {
        Mouse { on, borders: Borders::default(), dragged: None, pressed: None }
    }
}
