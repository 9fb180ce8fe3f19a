//! Colours brought down to those that a terminal has, by the nearest one.

use ratatui::style::{Color, Style};

use super::ColourDepth;

/// The sixteen as xterm shows them; the person's terminal may differ.
const SIXTEEN: [(Color, u32); 16] = [
    (Color::Black, 0x00_0000),
    (Color::Red, 0xcd_0000),
    (Color::Green, 0x00_cd00),
    (Color::Yellow, 0xcd_cd00),
    (Color::Blue, 0x00_00ee),
    (Color::Magenta, 0xcd_00cd),
    (Color::Cyan, 0x00_cdcd),
    (Color::Gray, 0xe5_e5e5),
    (Color::DarkGray, 0x7f_7f7f),
    (Color::LightRed, 0xff_0000),
    (Color::LightGreen, 0x00_ff00),
    (Color::LightYellow, 0xff_ff00),
    (Color::LightBlue, 0x5c_5cff),
    (Color::LightMagenta, 0xff_00ff),
    (Color::LightCyan, 0x00_ffff),
    (Color::White, 0xff_ffff),
];

/// The steps of the 256 colours' cube.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The style with colours that a terminal of that depth has.
pub(super) fn fit(mut style: Style, depth: ColourDepth) -> Style {
    let fit = |colour: Color| match (depth, colour) {
        (ColourDepth::None, _) => None,
        (ColourDepth::Ansi256, Color::Rgb(r, g, b)) => Some(Color::Indexed(nearest_of_256([r, g, b]))),
        (ColourDepth::Ansi16, Color::Rgb(r, g, b)) => Some(nearest_of_16([r, g, b])),
        (_, colour) => Some(colour),
    };
    style.fg = style.fg.and_then(fit);
    style.bg = style.bg.and_then(fit);
    style
}

/// The nearest of the colours 16 to 255. The first sixteen are left out: they are what the person made them.
///
/// Only the corners of the cube's cell around the colour and the greys are compared: a theme is fitted before the
/// first frame.
fn nearest_of_256(rgb: [u8; 3]) -> u8 {
    let below = rgb.map(|v| (0_u8..5).rev().find(|step| STEPS[usize::from(*step)] <= v).unwrap_or(0));
    let corner = |n: u8| {
        let [r, g, b] = [below[0] + (n & 1), below[1] + (n >> 1 & 1), below[2] + (n >> 2)];
        16 + 36 * r + 6 * g + b
    };
    let want = lab(rgb);
    let far =
        (0..8).map(corner).chain(232..=255).map(|index| (distance(want, lab(rgb_of_256(index))), index));
    far.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(16, |(_, index)| index)
}

fn nearest_of_16(rgb: [u8; 3]) -> Color {
    let want = lab(rgb);
    let far = |entry: &(Color, u32)| distance(want, lab(split(entry.1)));
    SIXTEEN.iter().min_by(|a, b| far(a).total_cmp(&far(b))).map_or(Color::Reset, |(colour, _)| *colour)
}

fn rgb_of_256(index: u8) -> [u8; 3] {
    match index {
        0..16 => split(SIXTEEN[usize::from(index)].1),
        16..232 => {
            [(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6].map(|step| STEPS[usize::from(step)])
        }
        232.. => [8 + 10 * (index - 232); 3],
    }
}

/// `0xrrggbb` as its three parts.
pub(super) fn split(rgb: u32) -> [u8; 3] {
    let [_, r, g, b] = rgb.to_be_bytes();
    [r, g, b]
}

/// What a colour looks like, where that is known.
#[cfg(test)]
pub(super) fn rgb(colour: Color) -> Option<[u8; 3]> {
    match colour {
        Color::Rgb(r, g, b) => Some([r, g, b]),
        Color::Indexed(index) => Some(rgb_of_256(index)),
        named => SIXTEEN.iter().find(|(colour, _)| *colour == named).map(|(_, rgb)| split(*rgb)),
    }
}

/// How far two colours are from each other in Oklab; black and white are 1 apart.
#[cfg(test)]
pub(super) fn apart(a: [u8; 3], b: [u8; 3]) -> f32 {
    distance(lab(a), lab(b)).sqrt()
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// The colour in Oklab (Björn Ottosson, 2020), where distances are what the eye sees: in RGB a muted blue is
/// nearest to a grey.
fn lab(rgb: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = rgb.map(|v| {
        let v = f32::from(v) / 255.0;
        if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    });
    let l = (0.412_221_47 * r + 0.536_332_54 * g + 0.051_445_993 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_84 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_colours_stay_what_they_are() {
        for index in 16..=255 {
            let rgb = rgb_of_256(index);
            assert_eq!(rgb_of_256(nearest_of_256(rgb)), rgb, "{index}");
        }
        for (colour, rgb) in SIXTEEN {
            assert_eq!(nearest_of_16(split(rgb)), colour);
        }
    }

    #[test]
    fn near_colours_keep_their_hue() {
        assert_eq!(nearest_of_16([0xd0, 0x30, 0x28]), Color::Red);
        assert_eq!(nearest_of_16([0xf5, 0xf5, 0xf0]), Color::White);
        assert_eq!(nearest_of_16([0x60, 0x70, 0xf0]), Color::LightBlue);
        assert_eq!(nearest_of_16([0x88, 0x88, 0x80]), Color::DarkGray);
        assert_eq!(nearest_of_256([0x5f, 0x5f, 0x60]), 59);
        assert_eq!(nearest_of_256([0x80, 0x80, 0x80]), 244);
    }

    #[test]
    fn the_terminal_s_own_colour_stays_its_own() {
        for depth in [ColourDepth::True, ColourDepth::Ansi256, ColourDepth::Ansi16, ColourDepth::None] {
            assert_eq!(fit(Style::new(), depth), Style::new());
        }
        let red = Style::new().fg(Color::Rgb(255, 0, 0)).bg(Color::Blue);
        assert_eq!(fit(red, ColourDepth::Ansi16), Style::new().fg(Color::LightRed).bg(Color::Blue));
        assert_eq!(fit(red, ColourDepth::None), Style::new());
    }
}
