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

/// A border between panes, which can be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Between the registries and the browser.
    Left,
    /// Between the browser and the details.
    Right,
    /// Between the upper panes and the queue with the jobs.
    Top,
    /// Between the queue and the jobs.
    Queue,
    /// Above the log.
    Logs,
    /// Between the log and the rates.
    Rates,
}

/// Where the borders were moved to, as ten thousandths of the screen's width or the body's height; they keep their
/// place when the terminal's size changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Borders([Option<u16>; 6]);

/// What [`Borders`] count in.
const WHOLE: u32 = 10_000;

impl Borders {
    /// So many columns or rows, where the border was moved; else what `usual` says. At least `least`, at most `most`.
    fn size(&self, edge: Edge, whole: u16, usual: u16, (least, most): (u16, u16)) -> u16 {
        match self.0[edge as usize] {
            None => usual,
            Some(part) => {
                let size = (u32::from(whole) * u32::from(part) + WHOLE / 2) / WHOLE;
                u16::try_from(size).unwrap_or(u16::MAX).clamp(least, most.max(least))
            }
        }
    }

    fn set(&mut self, edge: Edge, size: u16, whole: u16) {
        let part = (u32::from(size) * WHOLE + u32::from(whole) / 2) / u32::from(whole.max(1));
        self.0[edge as usize] = Some(part.min(WHOLE) as u16);
    }
}

/// What is at a point of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    /// The top line.
    Header,
    /// The bottom line.
    Hints,
    /// A border that can be moved, and the pane that it is the frame of.
    Border(Edge, Pane),
    /// A pane's frame or title.
    Frame(Pane),
    /// Inside a pane: column and row there.
    Inside(Pane, u16, u16),
    /// Nothing that takes a click.
    Nothing,
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
    /// The borders that can be moved; those across before those from top to bottom.
    pub edges: Vec<(Edge, Rect)>,
}

impl Layout {
    /// Lays the screen out as it is before anybody moves a border.
    pub fn new(size: (u16, u16), focus: Pane, zoom: bool) -> Layout {
        Layout::with(size, focus, zoom, &Borders::default())
    }

    /// Lays the screen out.
    pub fn with(size: (u16, u16), focus: Pane, zoom: bool, borders: &Borders) -> Layout {
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
        let mut layout =
            Layout { fold, header, hints, body, panes: Vec::new(), rates: None, edges: Vec::new() };
        match fold {
            Fold::Notice => {}
            Fold::Single => layout.place(focus, body, true),
            _ if zoom => layout.place(focus, body, true),
            Fold::Accordion => layout.accordion(focus),
            Fold::Medium | Fold::Wide => layout.boxes(borders),
        }
        layout
    }

    fn place(&mut self, pane: Pane, area: Rect, framed: bool) {
        self.panes.push(Placed { pane, area, framed });
    }

    /// Neighbours share their border: each box begins on the last line or column of the one before.
    fn boxes(&mut self, borders: &Borders) {
        let Rect { y, width, height, .. } = self.body;
        let wide = self.fold == Fold::Wide;
        let logs = borders.size(Edge::Logs, height, (height / 5).clamp(4, 9), (3, height.saturating_sub(9)));
        let rest = height - logs + 1;
        let top = borders.size(Edge::Top, height, rest * 11 / 20, (4, rest.saturating_sub(3)));
        let others = if wide { 24 + 18 } else { 24 };
        let left = borders.size(Edge::Left, width, (width / 5).clamp(20, 32), (12, width - others));
        let right = match wide {
            false => 0,
            true => {
                let usual = (width / 4).clamp(27, 44).min(width - left - 22);
                borders.size(Edge::Right, width, usual, (18, width - left - 22))
            }
        };
        let middle = width - left + 1 - right + u16::from(right > 0);
        self.place(Pane::Registries, Rect::new(0, y, left, top), true);
        self.place(Pane::Browse, Rect::new(left - 1, y, middle, top), true);
        if right > 0 {
            self.place(Pane::Details, Rect::new(width - right, y, right, top), true);
        }
        let second = y + top - 1;
        let queue = borders.size(Edge::Queue, width, left + 4, (12, width - 24)).min(width - 24);
        self.place(Pane::Queue, Rect::new(0, second, queue, rest - top + 1), true);
        self.place(Pane::Jobs, Rect::new(queue - 1, second, width - queue + 1, rest - top + 1), true);
        let rates = borders.size(Edge::Rates, width, 30.min(width / 3), (12, width - 24));
        let third = y + height - logs;
        self.place(Pane::Logs, Rect::new(0, third, width - rates + 1, logs), true);
        self.rates = Some(Rect::new(width - rates, third, rates, logs));
        self.edges = vec![
            (Edge::Top, Rect::new(0, second, width, 1)),
            (Edge::Logs, Rect::new(0, third, width, 1)),
            (Edge::Left, Rect::new(left - 1, y, 1, top)),
            (Edge::Queue, Rect::new(queue - 1, second, 1, rest - top + 1)),
            (Edge::Rates, Rect::new(width - rates, third, 1, logs)),
        ];
        if right > 0 {
            self.edges.push((Edge::Right, Rect::new(width - right, y, 1, top)));
        }
    }

    /// Moves a border to a point, as far as its neighbours have room.
    pub fn drag(&self, borders: &mut Borders, edge: Edge, (x, y): (u16, u16)) {
        let Rect { y: first, width, height, .. } = self.body;
        let (size, whole) = match edge {
            Edge::Left | Edge::Queue => (x + 1, width),
            Edge::Right | Edge::Rates => (width.saturating_sub(x), width),
            Edge::Top => ((y + 1).saturating_sub(first), height),
            Edge::Logs => ((first + height).saturating_sub(y), height),
        };
        borders.set(edge, size, whole);
    }

    /// What is at a point.
    pub fn at(&self, x: u16, y: u16) -> Spot {
        let holds = |area: Rect| area.contains(ratatui::layout::Position { x, y });
        if self.fold == Fold::Notice {
            return Spot::Nothing;
        }
        if holds(self.header) {
            return Spot::Header;
        }
        if holds(self.hints) {
            return Spot::Hints;
        }
        // Of two that share a border the later one has its title there.
        let Some(placed) = self.panes.iter().rev().find(|placed| holds(placed.area)) else {
            return Spot::Nothing;
        };
        if let Some((edge, _)) = self.edges.iter().find(|(_, area)| holds(*area)) {
            return Spot::Border(*edge, placed.pane);
        }
        let inner = self.inner(placed.pane);
        match holds(inner) {
            true => Spot::Inside(placed.pane, x - inner.x, y - inner.y),
            false => Spot::Frame(placed.pane),
        }
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

    const EDGES: [Edge; 6] = [Edge::Left, Edge::Right, Edge::Top, Edge::Queue, Edge::Logs, Edge::Rates];

    #[test]
    fn a_point_is_in_the_pane_that_is_drawn_there() {
        for (width, height) in
            [(120, 36), (200, 60), (110, 22), (100, 30), (85, 22), (80, 24), (60, 16), (40, 10)]
        {
            for focus in Pane::ALL {
                for zoom in [false, true] {
                    let layout = Layout::new((width, height), focus, zoom);
                    for pane in Pane::ALL {
                        let inner = layout.inner(pane);
                        for (x, y) in inner.positions().map(|at| (at.x, at.y)) {
                            let want = Spot::Inside(pane, x - inner.x, y - inner.y);
                            assert_eq!(layout.at(x, y), want, "{width}x{height} {focus:?} {x},{y}");
                        }
                    }
                    assert_eq!(layout.at(width / 2, 0), Spot::Header);
                    assert_eq!(layout.at(width / 2, height - 1), Spot::Hints);
                    for placed in layout.panes.iter().filter(|placed| !layout.inner(placed.pane).is_empty()) {
                        let (x, y) = (placed.area.x + 2, placed.area.y);
                        let spot = layout.at(x, y);
                        let is_its =
                            matches!(spot, Spot::Frame(pane) | Spot::Border(_, pane) if pane == placed.pane);
                        assert!(is_its, "{width}x{height} {focus:?}: {spot:?} on {:?}'s title", placed.pane);
                    }
                }
            }
        }
        assert_eq!(Layout::new((20, 5), Pane::Jobs, false).at(3, 3), Spot::Nothing);
    }

    #[test]
    fn a_border_follows_the_mouse_and_every_pane_keeps_some_room() {
        for (width, height) in [(110, 22), (120, 36), (85, 22), (250, 70)] {
            let size = (width, height);
            for edge in EDGES {
                for x in (0..width).step_by(3) {
                    for y in 0..height {
                        let mut borders = Borders::default();
                        let before = Layout::with(size, Pane::Browse, false, &borders);
                        before.drag(&mut borders, edge, (x, y));
                        let after = Layout::with(size, Pane::Browse, false, &borders);
                        let screen = Rect::new(0, 0, width, height);
                        for placed in &after.panes {
                            assert_eq!(screen.intersection(placed.area), placed.area, "{edge:?} {x},{y}");
                            let inner = after.inner(placed.pane);
                            assert!(inner.width >= 8 && inner.height >= 1, "{edge:?} {x},{y} {placed:?}");
                        }
                    }
                }
            }
        }
        let mut borders = Borders::default();
        for (edge, to) in
            [(Edge::Left, (40, 9)), (Edge::Right, (80, 5)), (Edge::Top, (3, 12)), (Edge::Queue, (50, 20))]
        {
            Layout::with((120, 36), Pane::Browse, false, &borders).drag(&mut borders, edge, to);
            let layout = Layout::with((120, 36), Pane::Browse, false, &borders);
            assert!(matches!(layout.at(to.0, to.1), Spot::Border(at, _) if at == edge), "{edge:?}");
        }
    }

    #[test]
    fn moved_borders_fit_any_size() {
        let mut borders = Borders::default();
        let layout = Layout::new((200, 60), Pane::Browse, false);
        for (edge, to) in EDGES.into_iter().zip([(150, 5), (20, 5), (0, 58), (190, 40), (0, 3), (3, 50)]) {
            layout.drag(&mut borders, edge, to);
        }
        for width in 0..200 {
            for height in 0..60 {
                let layout = Layout::with((width, height), Pane::Jobs, false, &borders);
                let screen = Rect::new(0, 0, width, height);
                for area in layout.panes.iter().map(|placed| placed.area).chain(layout.rates) {
                    assert_eq!(screen.intersection(area), area, "{width}x{height}");
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
