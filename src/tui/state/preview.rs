//! What was pasted or read from a file, before it goes to the queue: a row each, to be left out or taken, and everything
//! that is wrong.

use std::path::{Path, PathBuf};

use super::draft::{Goal, Wanted};
use super::listing::settled;
use super::paste::{Bad, Pasted};

/// Where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The terminal.
    Paste,
    /// A file.
    File(PathBuf),
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewRow {
    /// What would become a draft.
    pub wanted: Wanted,
    /// It stays behind.
    pub left_out: bool,
}

/// What a text or a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holding {
    /// Images, each once.
    pub wanted: Vec<Wanted>,
    /// How many came again.
    pub duplicates: usize,
    /// What is wrong.
    pub bad: Vec<Bad>,
    /// Things to know.
    pub notes: Vec<String>,
    /// Lines beyond those that are read.
    pub left_out: usize,
    /// Nothing of it may be added: it is a file that has to be right first.
    pub refused: bool,
}

impl From<Pasted> for Holding {
    fn from(pasted: Pasted) -> Holding {
        let Pasted { found, duplicates, bad, left_out } = pasted;
        let wanted = found.into_iter().map(Wanted::all).collect();
        Holding { wanted, duplicates, bad, left_out, ..Holding::default() }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Preview {
    /// The request that it waits for; nothing once it is there.
    pub reading: Option<u64>,
    /// Where it came from.
    pub origin: Origin,
    /// Images.
    pub rows: Vec<PreviewRow>,
    /// What else there is to say of it.
    pub holding: Holding,
    /// The images become files instead of copies.
    pub export: bool,
    /// The cursor's row, what is wrong counted with the images.
    pub cursor: usize,
    /// First row of the window.
    pub offset: usize,
}

impl Preview {
    /// Nothing yet: it is being read.
    pub fn reading(request: u64, origin: Origin) -> Preview {
        Preview { reading: Some(request), ..Preview::of(origin, Holding::default()) }
    }

    /// What was read.
    pub fn of(origin: Origin, holding: Holding) -> Preview {
        let mut preview = Preview {
            reading: None,
            origin,
            rows: Vec::new(),
            holding: Holding::default(),
            export: false,
            cursor: 0,
            offset: 0,
        };
        preview.take(holding);
        preview
    }

    /// Takes what was read.
    pub fn take(&mut self, mut holding: Holding) {
        self.reading = None;
        let wanted = std::mem::take(&mut holding.wanted);
        self.rows = wanted.into_iter().map(|wanted| PreviewRow { wanted, left_out: false }).collect();
        self.holding = holding;
    }

    /// All rows.
    pub fn len(&self) -> usize {
        self.rows.len() + self.holding.bad.len() + self.holding.notes.len()
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many would be added.
    pub fn taken(&self) -> usize {
        match self.holding.refused {
            true => 0,
            false => self.rows.iter().filter(|row| !row.left_out).count(),
        }
    }

    /// Leaves the cursor's row out, or takes it in again, and moves on; false where there is no image.
    pub fn toggle(&mut self) -> bool {
        let Some(row) = self.rows.get_mut(self.cursor) else { return false };
        row.left_out = !row.left_out;
        self.cursor = (self.cursor + 1).min(self.len().saturating_sub(1));
        true
    }

    /// Moves the cursor.
    pub fn move_by(&mut self, rows: isize) {
        self.cursor = self.cursor.saturating_add_signed(rows).min(self.len().saturating_sub(1));
    }

    /// Brings the window to the cursor.
    pub fn settle(&mut self, height: usize) {
        self.cursor = self.cursor.min(self.len().saturating_sub(1));
        self.offset = settled(self.offset, self.cursor, self.len(), height);
    }

    /// What would be added; with files as their goal, if they are wanted.
    pub fn into_wanted(self, downloads: &Path) -> Vec<Wanted> {
        let rows = self.rows.into_iter().filter(|row| !row.left_out);
        rows.map(|row| match self.export {
            true => Wanted { goal: Some(Goal::Export(downloads.to_owned())), ..row.wanted },
            false => row.wanted,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_left_out_and_goals_changed() {
        let mut preview = Preview::of(Origin::Paste, Pasted::read("a:1\nb:1\nUP\nc:1\na:1\n").into());
        assert_eq!((preview.len(), preview.taken(), preview.holding.duplicates), (4, 3, 1));
        preview.move_by(1);
        assert!(preview.toggle());
        assert_eq!((preview.cursor, preview.taken()), (2, 2));
        preview.move_by(isize::MAX);
        assert!(!preview.toggle(), "what is wrong cannot be taken");
        preview.settle(2);
        assert_eq!(preview.offset, 2);
        preview.export = true;
        let wanted = preview.into_wanted(Path::new("d"));
        assert_eq!(wanted.len(), 2);
        assert!(wanted.iter().all(|wanted| wanted.goal == Some(Goal::Export("d".into()))));
    }
}
