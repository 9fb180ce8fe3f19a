//! Themes: what each part of the screen looks like. A theme is a YAML file of styles by role; `themes/dark.yaml`
//! says how one is written. Plain text has no background of its own: the terminal's shows.
//!
//! State is never told by colour alone, so every theme may be swapped for [`Theme::mono`].

mod depth;
mod palette;
mod style;

use std::collections::BTreeMap;

use ratatui::style::Style;
use serde::Deserialize;

pub use depth::ColourDepth;
pub use style::StyleError;

/// The themes that wharf brings along: name and file.
const EMBEDDED: [(&str, &str); 3] = [
    ("dark", include_str!("../../../themes/dark.yaml")),
    ("light", include_str!("../../../themes/light.yaml")),
    ("mono", include_str!("../../../themes/mono.yaml")),
];

/// Why a theme's file is none.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// Not the YAML that a theme is: a role missing or unknown, a value that is no text.
    #[error("the theme's file: {0}")]
    File(#[from] serde_yaml::Error),
    /// A role's style cannot be read.
    #[error("the theme's role {role}: {source}")]
    Role {
        /// The role's name.
        role: String,
        /// What is wrong with it.
        source: StyleError,
    },
    /// `ansi16` names a role that does not exist.
    #[error("the theme's ansi16 section has the unknown role {0}")]
    Unknown(String),
}

/// Writes the list of roles once: as the theme's fields, and as the table by which files are read.
macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident,)*) => {
        /// A style for each role that something on the screen can have.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Theme {
            /// The theme's name.
            pub name: String,
            $($(#[$doc])* pub $role: Style,)*
        }

        /// A theme as its file has it.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            name: String,
            $($role: String,)*
            #[serde(default)]
            ansi16: BTreeMap<String, String>,
        }

        impl File {
            fn at(self, depth: ColourDepth) -> Result<Theme, ThemeError> {
                let known = [$(stringify!($role)),*];
                if let Some(role) = self.ansi16.keys().find(|role| !known.contains(&role.as_str())) {
                    return Err(ThemeError::Unknown(role.clone()));
                }
                let style = |role: &str, text: &str| {
                    let own = (depth == ColourDepth::Ansi16).then(|| self.ansi16.get(role)).flatten();
                    let style = style::parse(own.map_or(text, String::as_str));
                    let style = style.map_err(|source| ThemeError::Role { role: role.to_owned(), source })?;
                    Ok::<Style, ThemeError>(palette::fit(style, depth))
                };
                Ok(Theme { $($role: style(stringify!($role), &self.$role)?,)* name: self.name })
            }
        }

        impl Theme {
            fn plain(name: &str) -> Theme {
                Theme { $($role: Style::new(),)* name: name.to_owned() }
            }

            /// Every role with its style.
            #[cfg(test)]
            pub(in crate::tui) fn roles(&self) -> Vec<(&'static str, Style)> {
                vec![$((stringify!($role), self.$role)),*]
            }

            #[cfg(test)]
            pub(in crate::tui) fn roles_mut(&mut self) -> Vec<(&'static str, &mut Style)> {
                vec![$((stringify!($role), &mut self.$role)),*]
            }
        }
    };
}

roles! {
    /// Plain text.
    text,
    /// Text that matters less.
    dim,
    /// A pane's title.
    title,
    /// The focused pane's title.
    title_focus,
    /// A pane's border.
    border,
    /// The focused pane's border.
    border_focus,
    /// The selected row of the focused pane.
    cursor,
    /// The selected row of the other panes.
    cursor_blurred,
    /// A marked row's sign.
    mark,
    /// Something went well.
    ok,
    /// Something wants attention.
    warn,
    /// Something failed.
    error,
    /// Something that stands out without being good or bad.
    accent,
    /// A progress bar's filled part.
    bar,
    /// A progress bar's rest.
    bar_rest,
    /// Bytes that needed no sending.
    reused,
    /// A key in the hint bar.
    key,
    /// The status line at the top.
    header,
    /// Text in a popup.
    popup,
    /// A popup's border.
    popup_border,
    /// Text being typed.
    input,
    /// The rate's spark line.
    spark,
}

impl Theme {
    /// The embedded theme of that name, for a terminal of that depth; `None` if there is none of that name.
    /// Without colours it is [`Theme::mono`], whatever the name.
    ///
    /// Only the theme that is asked for is read.
    pub fn named(name: &str, depth: ColourDepth) -> Option<Theme> {
        let (_, text) = EMBEDDED.iter().find(|(known, _)| *known == name)?;
        if depth == ColourDepth::None {
            return Some(Theme::mono());
        }
        Theme::parse(text, depth).ok()
    }

    /// The theme without colours: bold, dim, underline and reverse only.
    pub fn mono() -> Theme {
        let (name, text) = EMBEDDED[2];
        // The tests read it: the other branch is never taken.
        Theme::parse(text, ColourDepth::None).unwrap_or_else(|_| Theme::plain(name))
    }

    /// The names of the embedded themes, the default first.
    pub fn names() -> Vec<&'static str> {
        EMBEDDED.iter().map(|(name, _)| *name).collect()
    }

    /// Reads a theme's file for a terminal of that depth.
    ///
    /// # Errors
    /// What is no theme, with the role it is about.
    pub fn parse(yaml: &str, depth: ColourDepth) -> Result<Theme, ThemeError> {
        serde_yaml::from_str::<File>(yaml)?.at(depth)
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::{Color, Modifier};

    use super::*;

    const DEPTHS: [ColourDepth; 4] =
        [ColourDepth::True, ColourDepth::Ansi256, ColourDepth::Ansi16, ColourDepth::None];

    /// Roles that never stand beside each other and may look the same.
    const MAY_BE_EQUAL: [[&str; 2]; 1] = [["text", "popup"]];

    #[test]
    fn every_embedded_theme_reads_at_every_depth() {
        for (name, text) in EMBEDDED {
            for depth in DEPTHS {
                assert_eq!(Theme::parse(text, depth).unwrap().name, name);
            }
        }
        assert_eq!(Theme::names(), ["dark", "light", "mono"]);
        assert!(Theme::named("neon", ColourDepth::True).is_none());
    }

    #[test]
    fn roles_look_different_at_every_depth_that_has_colours() {
        for name in ["dark", "light"] {
            for depth in [ColourDepth::True, ColourDepth::Ansi256, ColourDepth::Ansi16] {
                let roles = Theme::named(name, depth).unwrap().roles();
                for (n, (a, style)) in roles.iter().enumerate() {
                    for (b, other) in &roles[n + 1..] {
                        let same = style == other && !MAY_BE_EQUAL.contains(&[a, b]);
                        assert!(!same, "{name} at {depth:?}: {a} and {b} are both {style:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn only_the_cursor_has_a_background() {
        for name in Theme::names() {
            for depth in DEPTHS {
                for (role, style) in Theme::named(name, depth).unwrap().roles() {
                    assert!(
                        style.bg.is_none() || role.starts_with("cursor"),
                        "{name}: {role} has a background"
                    );
                }
            }
        }
    }

    #[test]
    fn colours_are_those_that_the_terminal_has() {
        for name in Theme::names() {
            for depth in DEPTHS {
                for (role, style) in Theme::named(name, depth).unwrap().roles() {
                    for colour in [style.fg, style.bg].into_iter().flatten() {
                        let is_foreign = match depth {
                            ColourDepth::None => true,
                            ColourDepth::Ansi16 => matches!(colour, Color::Rgb(..) | Color::Indexed(_)),
                            ColourDepth::Ansi256 => matches!(colour, Color::Rgb(..)),
                            ColourDepth::True => false,
                        };
                        assert!(!is_foreign, "{name} at {depth:?}: {role} is {colour:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn without_colours_every_theme_is_mono_and_tells_what_matters() {
        assert_eq!(Theme::named("dark", ColourDepth::None).unwrap(), Theme::mono());
        let mono = Theme::named("mono", ColourDepth::True).unwrap();
        assert_eq!(mono, Theme::mono());
        assert!(mono.cursor.add_modifier.contains(Modifier::REVERSED));
        let differ =
            [mono.text, mono.dim, mono.warn, mono.error, mono.cursor, mono.cursor_blurred, mono.mark];
        for (n, style) in differ.iter().enumerate() {
            let twin = differ[n + 1..].contains(style);
            // A blurred cursor and a warning are both underlined: one is a whole row.
            assert!(!twin || *style == mono.cursor_blurred, "{style:?}");
        }
    }

    #[test]
    fn text_can_be_read_on_the_backgrounds_the_theme_is_for() {
        let faint = ["border", "border_focus", "bar", "bar_rest", "spark", "popup_border", "reused"];
        for (name, backgrounds) in [("dark", [0x00_0000, 0x1e_1e2e]), ("light", [0xff_ffff, 0xfa_f8f2])] {
            for depth in [ColourDepth::True, ColourDepth::Ansi256] {
                for (role, style) in Theme::named(name, depth).unwrap().roles() {
                    for background in backgrounds {
                        let Some(text) = style.fg.and_then(palette::rgb) else { continue };
                        let ground = style.bg.and_then(palette::rgb).unwrap_or(palette::split(background));
                        let least = match depth {
                            _ if faint.contains(&role) => 1.3,
                            ColourDepth::True => 4.5,
                            // The palette has few dark greens.
                            _ => 4.0,
                        };
                        let contrast = contrast(text, ground);
                        assert!(
                            contrast >= least,
                            "{name} at {depth:?}: {role} on {ground:?} has {contrast:.1}"
                        );
                    }
                }
            }
        }
    }

    /// WCAG 2 contrast ratio.
    fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
        let luminance = |c: [u8; 3]| {
            let linear = c.map(|v| {
                let v = f64::from(v) / 255.0;
                if v <= 0.039_28 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn faults_of_a_file_name_the_role() {
        let (_, dark) = EMBEDDED[0];
        let error = |yaml: &str| Theme::parse(yaml, ColourDepth::Ansi16).unwrap_err().to_string();
        assert!(error(&dark.replace("warn: \"#deb06a\"", "warm: \"#deb06a\"")).contains("warm"));
        let bad = dark.replace("accent: \"cyan\"", "accent: \"cyam\"");
        assert_eq!(error(&bad), "the theme's role accent: \"cyam\" is neither a colour nor a modifier");
        let unknown = dark.replace("  accent: \"cyan\"", "  accents: \"cyan\"");
        assert_eq!(error(&unknown), "the theme's ansi16 section has the unknown role accents");
    }
}
