//! The terminal itself: taken over for the screen, and given back whole whatever happens.
//!
//! Everything that crossterm 0.29 and ratatui 0.30 get wrong at the edges is dealt with here (DESIGN section 6,
//! "Terminal traps"), so that the rest of the terminal UI can draw and read keys without thinking of it:
//!
//! - [`Screen`] owns the terminal and restores it on drop without ever printing or panicking.
//! - [`Input`] reads keys, and is not stuck with a terminal that is gone.
//! - [`HangUp`] and [`Continued`] say that the terminal went away or that the process was stopped and goes on.
//! - [`TerminalKind`] is what the environment tells of the terminal: ways to the clipboard, notices, symbols.
//! - [`let_go`] detaches the process from a terminal that is gone; headless commands use it too.
//! - [`report_panics`] leaves a file behind where the UI itself panicked.
//! - [`install_panic_hook`] keeps a worker's panic off a live screen.

mod clipboard;
mod input;
mod kind;
mod panic;
mod report;
mod screen;
mod sequence;
mod signals;
mod tty;

pub use clipboard::give_to_tmux;
pub use input::Input;
pub use kind::{ClipboardWay, TerminalKind};
pub use panic::install_panic_hook;
pub use report::{Told, note_state, report_panics};
pub use screen::Screen;
pub use signals::{Continued, HangUp};
pub use tty::let_go;
