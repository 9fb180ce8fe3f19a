//! The panic hook: a worker's panic must not write over a live screen, the UI's own must give it back first.

use std::any::Any;
use std::cell::Cell;
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::Once;

use super::{report, screen, tty};
use crate::oci::printable;

thread_local! {
    static IS_UI: Cell<bool> = const { Cell::new(false) };
}

/// Longer panic messages are cut in the log.
const MESSAGE_LIMIT: usize = 2_000;

/// Marks the calling thread as the one whose panic ends the terminal UI.
pub(super) fn this_is_the_ui_thread() {
    IS_UI.with(|ui| ui.set(true));
}

/// Installs the panic hook; once is enough, further calls do nothing. The UI thread is the one that opens the
/// [`super::Screen`].
///
/// - A panic on the UI thread gives the terminal back, then prints as usual, and leaves a report
///   ([`super::report_panics`]).
/// - A panic anywhere else goes to the log with its message and place. It is printed as well if no screen is open.
///
/// ratatui's own hook does the first for every thread, which wrecks the screen when a worker panics.
pub fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_ui = IS_UI.try_with(Cell::get).unwrap_or(false);
            if is_ui {
                screen::give_back();
            }
            if is_ui || !tty::is_live() {
                usual(info);
            }
            log(info);
            if is_ui {
                tell_of_report(info);
            }
        }));
    });
}

/// Where the terminal is gone nobody is told.
fn tell_of_report(info: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let text = report::write(thread.name().unwrap_or("unnamed"), &place, message(info.payload()));
    if let Some(text) = text {
        let _ = writeln!(io::stderr(), "\n{text}");
    }
}

fn log(info: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let message = printable(message(info.payload()), MESSAGE_LIMIT);
    tracing::error!(thread = thread.name().unwrap_or("unnamed"), %place, "panic: {message}");
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_read() {
        assert_eq!(message(&"plain"), "plain");
        assert_eq!(message(&String::from("formatted")), "formatted");
        assert_eq!(message(&7_u8), "(no message)");
    }
}
