//! A style as it is written in a theme's file: `#f3f7fd on #2b4a75 bold`.

use ratatui::style::{Color, Modifier, Style};

/// Why a text is no style.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StyleError {
    /// A word that means nothing.
    #[error("{0:?} is neither a colour nor a modifier")]
    Word(String),
    /// A `#` that six hex digits do not follow.
    #[error("{0:?} is no colour: write #rrggbb")]
    Hex(String),
    /// `on` without a colour behind it, or a second colour.
    #[error("{0:?} has a colour where none can be: write COLOUR on COLOUR MODIFIERS")]
    Order(String),
}

/// Reads a style. An empty text and `default` are the terminal's own.
pub(super) fn parse(text: &str) -> Result<Style, StyleError> {
    let order = || StyleError::Order(text.to_owned());
    let mut style = Style::new();
    let mut has_foreground = false;
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if let Some(modifier) = modifier(word) {
            style = style.add_modifier(modifier);
        } else if word == "on" {
            let colour = colour(words.next().ok_or_else(order)?)?;
            if style.bg.is_some() {
                return Err(order());
            }
            style.bg = colour;
        } else {
            let colour = colour(word)?;
            if std::mem::replace(&mut has_foreground, true) {
                return Err(order());
            }
            style.fg = colour;
        }
    }
    Ok(style)
}

fn modifier(word: &str) -> Option<Modifier> {
    Some(match word {
        "bold" => Modifier::BOLD,
        "dim" => Modifier::DIM,
        "italic" => Modifier::ITALIC,
        "underline" => Modifier::UNDERLINED,
        "reverse" => Modifier::REVERSED,
        _ => return None,
    })
}

/// `None` is the terminal's own colour.
fn colour(word: &str) -> Result<Option<Color>, StyleError> {
    if let Some(hex) = word.strip_prefix('#') {
        let plain = hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u32::from_str_radix(hex, 16).ok().filter(|_| plain);
        return number.map(|n| Some(Color::from_u32(n))).ok_or_else(|| StyleError::Hex(word.to_owned()));
    }
    Ok(Some(match word {
        "default" => return Ok(None),
        "black" => Color::Black,
        "red" => Color::Red,
        "green" => Color::Green,
        "yellow" => Color::Yellow,
        "blue" => Color::Blue,
        "magenta" => Color::Magenta,
        "cyan" => Color::Cyan,
        "gray" => Color::Gray,
        "darkgray" => Color::DarkGray,
        "lightred" => Color::LightRed,
        "lightgreen" => Color::LightGreen,
        "lightyellow" => Color::LightYellow,
        "lightblue" => Color::LightBlue,
        "lightmagenta" => Color::LightMagenta,
        "lightcyan" => Color::LightCyan,
        "white" => Color::White,
        _ => return Err(StyleError::Word(word.to_owned())),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_read() {
        let style = parse("#f3f7fd on #2b4a75 bold underline").unwrap();
        let want = Style::new().fg(Color::Rgb(0xf3, 0xf7, 0xfd)).bg(Color::Rgb(0x2b, 0x4a, 0x75));
        assert_eq!(style, want.add_modifier(Modifier::BOLD | Modifier::UNDERLINED));
        assert_eq!(parse("default reverse").unwrap(), Style::new().add_modifier(Modifier::REVERSED));
        assert_eq!(parse("").unwrap(), Style::new());
        assert_eq!(parse("lightred dim italic").unwrap().fg, Some(Color::LightRed));
        assert_eq!(parse("on blue").unwrap(), Style::new().bg(Color::Blue));
    }

    #[test]
    fn what_is_no_style_is_refused() {
        for text in ["#fff", "#12345g", "#+12345", "#1234567"] {
            assert!(matches!(parse(text), Err(StyleError::Hex(_))), "{text}");
        }
        for text in ["red blue", "red on", "on red on blue", "default red"] {
            assert!(matches!(parse(text), Err(StyleError::Order(_))), "{text}");
        }
        assert_eq!(parse("blod").unwrap_err(), StyleError::Word("blod".to_owned()));
    }
}
