//! Themes: what each part of the screen looks like. A theme is a YAML file of styles by role; `themes/dark.yaml`
//! says how one is written. Plain text has no background of its own: the terminal's shows (but in high-contrast).
//!
//! State is never told by colour alone, so every theme may be swapped for [`Theme::mono`].

mod depth;
mod palette;
mod style;

use std::path::Path;

use ratatui::style::Style;

pub use depth::ColourDepth;
pub use style::StyleError;

use crate::config::{Fault, RoleStyle, ThemeFile};

/// The themes that wharf brings along: name and file.
const EMBEDDED: [(&str, &str); 5] = [
    ("dark", include_str!("../../../themes/dark.yaml")),
    ("light", include_str!("../../../themes/light.yaml")),
    ("mono", include_str!("../../../themes/mono.yaml")),
    ("high-contrast", include_str!("../../../themes/high-contrast.yaml")),
    ("deuteranopia", include_str!("../../../themes/deuteranopia.yaml")),
];

/// Why a theme's file is none: everything that is wrong with it, each with its line. Never empty.
#[derive(Debug)]
pub struct ThemeFaults(pub Vec<Fault>);

impl std::fmt::Display for ThemeFaults {
    /// The first fault, and how many more there are.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0[..] {
            [] => f.write_str("it is no theme"),
            [one] => write!(f, "{one}"),
            [first, more @ ..] => write!(f, "{first} (+{})", more.len()),
        }
    }
}

impl std::error::Error for ThemeFaults {}

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

        impl Theme {
            /// The roles' names.
            const ROLES: &[&'static str] = &[$(stringify!($role)),*];

            /// The theme with the styles that `style` gives by role and, where it has none, those of `base`.
            fn by_role(
                name: &str,
                base: Option<&Theme>,
                mut style: impl FnMut(&'static str, Option<Style>) -> Style,
            ) -> Theme {
                Theme {
                    $($role: style(stringify!($role), base.map(|base| base.$role)),)*
                    name: name.to_owned(),
                }
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
        let (name, text) = EMBEDDED.iter().find(|(known, _)| *known == name)?;
        if depth == ColourDepth::None {
            return Some(Theme::mono());
        }
        Theme::read(name, Path::new(name), text.as_bytes(), depth).ok()
    }

    /// The theme without colours: bold, dim, underline and reverse only.
    pub fn mono() -> Theme {
        let (name, text) = EMBEDDED[2];
        // The tests read it: the other branch is never taken.
        Theme::read(name, Path::new(name), text.as_bytes(), ColourDepth::None)
            .unwrap_or_else(|_| Theme::by_role(name, None, |_, _| Style::new()))
    }

    /// The names of the embedded themes, the default first.
    pub fn names() -> Vec<&'static str> {
        EMBEDDED.iter().map(|(name, _)| *name).collect()
    }

    /// A user's theme, from the content of its file, for a terminal of that depth. Roles that it leaves out are those of
    /// its `base`, which is dark if it names none. Without colours it is [`Theme::mono`], but its faults are told.
    ///
    /// # Errors
    /// What is no theme, each fault with its line or role.
    pub fn user(name: &str, file: &Path, content: &[u8], depth: ColourDepth) -> Result<Theme, ThemeFaults> {
        let theme = Theme::read_over(name, file, content, depth, Some("dark"))?;
        Ok(if depth == ColourDepth::None { Theme::mono() } else { theme })
    }

    /// A theme that must have every role.
    fn read(name: &str, file: &Path, content: &[u8], depth: ColourDepth) -> Result<Theme, ThemeFaults> {
        Theme::read_over(name, file, content, depth, None)
    }

    fn read_over(
        name: &str,
        file: &Path,
        content: &[u8],
        depth: ColourDepth,
        base: Option<&str>,
    ) -> Result<Theme, ThemeFaults> {
        let read = ThemeFile::read(file, content, Theme::ROLES).map_err(ThemeFaults)?;
        let base = read.base.or(base).and_then(|base| Theme::named(base, depth));
        let mut faults = Vec::new();
        let mut fault = |at, field: &str, reason: String| {
            faults.push(Fault { file: file.to_owned(), at, field: field.to_owned(), reason });
        };
        let mut style = |styles: &[RoleStyle], role: &str, section: &str| {
            let written = styles.iter().find(|style| style.role == role)?;
            match style::parse(&written.text) {
                Ok(style) => Some(palette::fit(style, depth)),
                Err(error) => {
                    fault(Some(written.at), &format!("{section}{role}"), error.to_string());
                    None
                }
            }
        };
        // Both are read at every depth: a fault of one that is not used here is told all the same.
        let mut missing = Vec::new();
        let theme = Theme::by_role(name, base.as_ref(), |role, base| {
            let plain = style(&read.roles, role, "");
            let few = style(&read.ansi16, role, "ansi16.").filter(|_| depth == ColourDepth::Ansi16);
            few.or(plain).or(base).unwrap_or_else(|| {
                missing.push(role);
                Style::new()
            })
        });
        if faults.is_empty()
            && let Some(role) = missing.first()
        {
            let reason = "the role is missing, and there is no base that has it".to_owned();
            faults.push(Fault { file: file.to_owned(), at: None, field: (*role).to_owned(), reason });
        }
        if faults.is_empty() { Ok(theme) } else { Err(ThemeFaults(faults)) }
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
                let read = |text: &str, depth| Theme::read(name, Path::new(name), text.as_bytes(), depth);
                assert_eq!(read(text, depth).unwrap().name, name);
            }
        }
        assert_eq!(Theme::names(), crate::config::THEMES);
        assert!(Theme::named("neon", ColourDepth::True).is_none());
    }

    #[test]
    fn roles_look_different_at_every_depth_that_has_colours() {
        for name in Theme::names().into_iter().filter(|name| *name != "mono") {
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
        // Where contrast is the point, the background is the theme's own.
        for name in Theme::names().into_iter().filter(|name| *name != "high-contrast") {
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
        // Name, backgrounds, and the contrast of text, of text with 256 colours (the palette has few dark greens), and of
        // lines.
        let table = [
            ("dark", [0x00_0000, 0x1e_1e2e], [4.5, 4.0, 1.3]),
            ("deuteranopia", [0x00_0000, 0x1e_1e2e], [4.5, 4.0, 1.3]),
            ("light", [0xff_ffff, 0xfa_f8f2], [4.5, 4.0, 1.3]),
            // Its own.
            ("high-contrast", [0x00_0000, 0x00_0000], [7.0, 7.0, 4.5]),
        ];
        for (name, backgrounds, [full, fewer, lines]) in table {
            for depth in [ColourDepth::True, ColourDepth::Ansi256] {
                for (role, style) in Theme::named(name, depth).unwrap().roles() {
                    for background in backgrounds {
                        let Some(text) = style.fg.and_then(palette::rgb) else { continue };
                        let ground = style.bg.and_then(palette::rgb).unwrap_or(palette::split(background));
                        let least = match depth {
                            _ if faint.contains(&role) => lines,
                            ColourDepth::True => full,
                            _ => fewer,
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
        let own = Theme::named("high-contrast", ColourDepth::True).unwrap();
        assert_eq!((own.text.bg, own.popup.bg), (Some(Color::Rgb(0, 0, 0)), Some(Color::Rgb(0, 0, 0))));
    }

    /// What eyes see that lack the cones for green, and those that lack the ones for red (Machado, Oliveira and
    /// Fernandes 2009, severity 1, on linear RGB).
    const DEUTERANOPIA: [[f64; 3]; 3] = [
        [0.367_322, 0.860_646, -0.227_968],
        [0.280_085, 0.672_501, 0.047_413],
        [-0.011_820, 0.042_940, 0.968_881],
    ];
    const PROTANOPIA: [[f64; 3]; 3] = [
        [0.152_286, 1.052_583, -0.204_868],
        [0.114_503, 0.786_281, 0.099_216],
        [-0.003_882, -0.048_116, 1.051_998],
    ];

    fn seen(rgb: [u8; 3], eyes: [[f64; 3]; 3]) -> [u8; 3] {
        let linear = rgb.map(linear);
        eyes.map(|row| {
            let v: f64 = row.iter().zip(linear).map(|(a, b)| a * b).sum();
            let v = v.clamp(0.0, 1.0);
            let v = if v <= 0.003_130_8 { 12.92 * v } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
            (v * 255.0).round() as u8
        })
    }

    /// The least distance that ok, warn and error have from each other in such eyes, in Oklab.
    fn least_apart(name: &str, depth: ColourDepth, eyes: [[f64; 3]; 3]) -> f32 {
        let theme = Theme::named(name, depth).unwrap();
        let colours =
            [theme.ok, theme.warn, theme.error].map(|s| seen(palette::rgb(s.fg.unwrap()).unwrap(), eyes));
        let apart = |a: usize, b: usize| palette::apart(colours[a], colours[b]);
        apart(0, 1).min(apart(0, 2)).min(apart(1, 2))
    }

    #[test]
    fn without_red_or_green_cones_good_and_bad_are_told_apart() {
        for eyes in [DEUTERANOPIA, PROTANOPIA] {
            for depth in [ColourDepth::True, ColourDepth::Ansi256, ColourDepth::Ansi16] {
                let apart = least_apart("deuteranopia", depth, eyes);
                assert!(apart > 0.15, "{depth:?}: {apart}");
            }
        }
        // The measure tells something: the usual colours fail it.
        assert!(least_apart("dark", ColourDepth::True, DEUTERANOPIA) < 0.1);
        assert!(least_apart("light", ColourDepth::True, DEUTERANOPIA) < 0.1);
    }

    fn linear(v: u8) -> f64 {
        let v = f64::from(v) / 255.0;
        if v <= 0.039_28 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    }

    /// WCAG 2 contrast ratio.
    fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
        let luminance = |c: [u8; 3]| {
            let linear = c.map(linear);
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn faults_of_a_file_name_the_line_and_the_role() {
        let (_, dark) = EMBEDDED[0];
        let error = |yaml: &str| {
            let read = Theme::read("t", Path::new("t.yaml"), yaml.as_bytes(), ColourDepth::True);
            read.unwrap_err().to_string()
        };
        assert!(error(&dark.replace("warn: \"#deb06a\"", "warm: \"#deb06a\"")).contains("is \"warn\""));
        let bad = dark.replace("accent: \"cyan\"", "accent: \"cyam\"").replace("#86c58b", "#86c58");
        assert_eq!(error(&bad), "t.yaml:22:5: ok: \"#86c58\" is no colour: write #rrggbb (+1)");
        let missing = dark.replace("spark: \"#7d8fc9\"", "");
        assert!(error(&missing).starts_with("t.yaml: spark: the role is missing"), "{}", error(&missing));
    }

    #[test]
    fn a_users_theme_leaves_out_what_its_base_has() {
        let read = |yaml: &str, depth| Theme::user("night", Path::new("night.yaml"), yaml.as_bytes(), depth);
        let own = |depth| read("base: light\nok: \"#123456\"\nansi16: {warn: blue}\n", depth).unwrap();
        let light = |depth| Theme::named("light", depth).unwrap();
        let depth = ColourDepth::True;
        assert_eq!(
            (own(depth).name.as_str(), own(depth).ok.fg),
            ("night", Some(Color::Rgb(0x12, 0x34, 0x56)))
        );
        assert_eq!((own(depth).warn, own(depth).error), (light(depth).warn, light(depth).error));
        // On sixteen colours what is its own is brought down, and not replaced by the base's.
        let depth = ColourDepth::Ansi16;
        assert_ne!(own(depth).ok, light(depth).ok);
        assert_eq!((own(depth).warn.fg, own(depth).error), (Some(Color::Blue), light(depth).error));
        assert_eq!(own(ColourDepth::None), Theme::mono());
        assert_eq!(
            read("", ColourDepth::True).unwrap().error,
            Theme::named("dark", ColourDepth::True).unwrap().error
        );
        let error = read("ok: gren\n", ColourDepth::None).unwrap_err().to_string();
        assert_eq!(error, "night.yaml:1:5: ok: \"gren\" is neither a colour nor a modifier");
    }
}
