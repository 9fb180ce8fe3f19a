//! How many colours the terminal has.

/// The colours that a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColourDepth {
    /// 24 bits.
    True,
    /// The palette of 256.
    Ansi256,
    /// The sixteen that every colour terminal has.
    Ansi16,
    /// None, or none wanted.
    None,
}

/// Terminals that show 24-bit colours and say so only in `TERM` once an SSH session drops `COLORTERM`.
const KNOWN_TRUE: [&str; 7] =
    ["alacritty", "contour", "foot", "rio", "wezterm", "xterm-ghostty", "xterm-kitty"];

impl ColourDepth {
    /// Finds out from the environment, which `env` looks up. In doubt it is the smaller depth: too few colours look
    /// plain, too many are garbage.
    pub fn detect(env: &dyn Fn(&str) -> Option<String>) -> ColourDepth {
        let get = |name: &str| env(name).filter(|value| !value.is_empty());
        let term = get("TERM").unwrap_or_default();
        let unwanted = get("NO_COLOR").is_some() || get("CLICOLOR").as_deref() == Some("0");
        if unwanted || term.is_empty() || term == "dumb" || is_monochrome(&term) {
            return ColourDepth::None;
        }
        let of_palette = if term.contains("256color") { ColourDepth::Ansi256 } else { ColourDepth::Ansi16 };
        if term.ends_with("-direct") {
            return ColourDepth::True;
        }
        // A multiplexer passes on COLORTERM from outside but not the colours, unless it was told to.
        let multiplexed = term.starts_with("screen") || term.starts_with("tmux") || get("TMUX").is_some();
        if multiplexed || term == "linux" {
            return of_palette;
        }
        let claims_true =
            get("COLORTERM").is_some_and(|value| matches!(value.as_str(), "truecolor" | "24bit"));
        let is_known = KNOWN_TRUE
            .iter()
            .any(|name| term.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')));
        if claims_true || is_known { ColourDepth::True } else { of_palette }
    }
}

fn is_monochrome(term: &str) -> bool {
    // vt52 … vt525 and terminfo's "-m" entries (xterm-mono, linux-m, screen-m).
    let vt = term.strip_prefix("vt").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    vt || term.ends_with("-m") || term.ends_with("-mono")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(pairs: &[(&str, &str)]) -> ColourDepth {
        let env =
            |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        ColourDepth::detect(&env)
    }

    #[test]
    fn the_environment_tells_the_depth() {
        use ColourDepth::{Ansi16, Ansi256, True};
        let table: [(&[(&str, &str)], ColourDepth); 20] = [
            (&[], ColourDepth::None),
            (&[("TERM", "dumb"), ("COLORTERM", "truecolor")], ColourDepth::None),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "1")], ColourDepth::None),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "")], Ansi256),
            (&[("TERM", "xterm-256color"), ("CLICOLOR", "0")], ColourDepth::None),
            (&[("TERM", "xterm-256color"), ("CLICOLOR", "1")], Ansi256),
            (&[("TERM", "vt220")], ColourDepth::None),
            (&[("TERM", "linux-m")], ColourDepth::None),
            (&[("TERM", "xterm")], Ansi16),
            (&[("TERM", "linux")], Ansi16),
            (&[("TERM", "linux"), ("COLORTERM", "truecolor")], Ansi16),
            (&[("TERM", "xterm-256color")], Ansi256),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], True),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "24bit")], True),
            (&[("TERM", "xterm"), ("COLORTERM", "yes")], Ansi16),
            (&[("TERM", "screen-256color"), ("COLORTERM", "truecolor")], Ansi256),
            (&[("TERM", "tmux-256color"), ("COLORTERM", "truecolor")], Ansi256),
            (&[("TERM", "screen"), ("COLORTERM", "truecolor")], Ansi16),
            (&[("TERM", "xterm-direct")], True),
            (&[("TERM", "foot-extra")], True),
        ];
        for (pairs, want) in table {
            assert_eq!(depth(pairs), want, "{pairs:?}");
        }
    }
}
