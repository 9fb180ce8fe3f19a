//! Where everything is on the screen: a pure function of the terminal's size, the focus and the zoom.

use ratatui::layout::Rect;

use crate::tui::state::Pane;

/// How the screen is folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// 110 columns and more: every pane.
    Wide,
    /// 85 columns and more: the details are a popup.
    Medium,
    /// The focused pane, the others as a title line, three rows of jobs.
    Accordion,
    /// One pane and a status line.
    Single,
    /// No room.
    Notice,
}

/// One pane's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Which pane.
    pub pane: Pane,
    /// Its area, the frame included.
    pub area: Rect,
    /// Whether it is drawn with a frame; else `area` is a title line with rows under it.
    pub framed: bool,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// How it is folded.
    pub fold: Fold,
    /// The top line.
    pub header: Rect,
    /// The bottom line.
    pub hints: Rect,
    /// What is between.
    pub body: Rect,
    /// The panes that are drawn, in the order of drawing.
    pub panes: Vec<Placed>,
    /// The box with the rates of the last minute.
    pub rates: Option<Rect>,
}

impl Layout {
    /// Lays the screen out.
    pub fn new(size: (u16, u16), focus: Pane, zoom: bool) -> Layout {
        let (width, height) = size;
        let fold = match (width, height) {
            (..30, _) | (_, ..6) => Fold::Notice,
            (..60, _) | (_, ..16) => Fold::Single,
            (..85, _) | (_, ..22) => Fold::Accordion,
            (..110, _) => Fold::Medium,
            _ => Fold::Wide,
        };
        let header = Rect::new(0, 0, width, 1.min(height));
        let hints = Rect::new(0, height.saturating_sub(1), width, 1.min(height));
        let body = Rect::new(0, 1, width, height.saturating_sub(2));
        let mut layout = Layout { fold, header, hints, body, panes: Vec::new(), rates: None };
        match fold {
            Fold::Notice => {}
            Fold::Single => layout.place(focus, body, true),
            _ if zoom => layout.place(focus, body, true),
            Fold::Accordion => layout.accordion(focus),
            Fold::Medium | Fold::Wide => layout.boxes(),
        }
        layout
    }

    fn place(&mut self, pane: Pane, area: Rect, framed: bool) {
        self.panes.push(Placed { pane, area, framed });
    }

    /// Neighbours share their border: each box begins on the last line or column of the one before.
    fn boxes(&mut self) {
        let Rect { y, width, height, .. } = self.body;
        let logs = (height / 5).clamp(4, 9);
        let rest = height - logs + 1;
        let top = rest * 11 / 20;
        let left = (width / 5).clamp(20, 32);
        let right = if self.fold == Fold::Wide { (width / 4).clamp(27, 44) } else { 0 };
        let middle = width - left + 1 - right + u16::from(right > 0);
        self.place(Pane::Registries, Rect::new(0, y, left, top), true);
        self.place(Pane::Browse, Rect::new(left - 1, y, middle, top), true);
        if right > 0 {
            self.place(Pane::Details, Rect::new(width - right, y, right, top), true);
        }
        let second = y + top - 1;
        self.place(Pane::Queue, Rect::new(0, second, left + 4, rest - top + 1), true);
        self.place(Pane::Jobs, Rect::new(left + 3, second, width - left - 3, rest - top + 1), true);
        let rates = 30.min(width / 3);
        let third = y + height - logs;
        self.place(Pane::Logs, Rect::new(0, third, width - rates + 1, logs), true);
        self.rates = Some(Rect::new(width - rates, third, rates, logs));
    }

    fn accordion(&mut self, focus: Pane) {
        let Rect { mut y, width, height, .. } = self.body;
        let lines = |pane: Pane| match pane {
            Pane::Jobs => 4,
            _ => 1,
        };
        let others: u16 = Pane::ALL.iter().filter(|pane| **pane != focus).map(|pane| lines(*pane)).sum();
        for pane in Pane::ALL {
            let rows = if pane == focus { height.saturating_sub(others) } else { lines(pane) };
            self.place(pane, Rect::new(0, y, width, rows), pane == focus);
            y += rows;
        }
    }

    /// A pane's area inside its frame; empty if it is not drawn.
    pub fn inner(&self, pane: Pane) -> Rect {
        let Some(placed) = self.panes.iter().find(|placed| placed.pane == pane) else { return Rect::ZERO };
        let Rect { x, y, width, height } = placed.area;
        match placed.framed {
            true => Rect::new(x + 1, y + 1, width.saturating_sub(2), height.saturating_sub(2)),
            false => Rect::new(x, y + 1, width, height.saturating_sub(1)),
        }
    }

    /// A popup's area: centred, at most `width` by `height`, at least a margin from the edges.
    pub fn popup(&self, width: u16, height: u16) -> Rect {
        let width = width.min(self.header.width.saturating_sub(2));
        let height = height.min(self.body.height);
        let x = (self.header.width - width) / 2;
        Rect::new(x, self.body.y + (self.body.height - height) / 2, width, height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_folds_and_everything_stays_on_the_screen() {
        for (width, height, fold) in [
            (120, 36, Fold::Wide),
            (110, 24, Fold::Wide),
            (109, 36, Fold::Medium),
            (85, 22, Fold::Medium),
            (84, 36, Fold::Accordion),
            (80, 24, Fold::Accordion),
            (60, 16, Fold::Accordion),
            (59, 16, Fold::Single),
            (60, 15, Fold::Single),
            (30, 6, Fold::Single),
            (29, 6, Fold::Notice),
            (0, 0, Fold::Notice),
        ] {
            assert_eq!(Layout::new((width, height), Pane::Browse, false).fold, fold, "{width}x{height}");
        }
        for width in 0..200 {
            for height in 0..60 {
                for focus in Pane::ALL {
                    let layout = Layout::new((width, height), focus, false);
                    let screen = Rect::new(0, 0, width, height);
                    let areas = layout.panes.iter().map(|placed| placed.area).chain(layout.rates);
                    for area in areas.chain([layout.popup(70, 20), layout.hints, layout.inner(focus)]) {
                        assert_eq!(screen.intersection(area), area, "{width}x{height} {focus:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_focused_pane_of_an_accordion_has_room_and_the_jobs_have_three_rows() {
        let layout = Layout::new((80, 24), Pane::Browse, false);
        assert_eq!((layout.inner(Pane::Browse).height, layout.inner(Pane::Jobs).height), (12, 3));
        assert_eq!(Layout::new((60, 16), Pane::Queue, false).inner(Pane::Queue).height, 4);
        assert_eq!(Layout::new((120, 36), Pane::Jobs, true).inner(Pane::Jobs).height, 32);
    }
}
