//! A long list: rows that arrive in pages, sorted, filtered, with a cursor. Built for 50,000 rows: sort keys are
//! made once, a page is merged into what is sorted, a filter narrows what the shorter one found and works in
//! steps that never hold up a key.

use std::cmp::{Ordering, Reverse};

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Matcher, Utf32Str};

use crate::config::Language;
use crate::job::Failure;
use crate::oci::order::{natural_key, version_key};

/// The order of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Tags, the newest version first.
    Versions,
    /// By name.
    #[default]
    Names,
    /// As they arrived.
    Arrival,
}

impl Sort {
    /// As people call it.
    pub fn label(self, words: Language) -> &'static str {
        match self {
            Sort::Versions => words.sort_versions(),
            Sort::Names => words.sort_names(),
            Sort::Arrival => words.sort_arrival(),
        }
    }
}

/// Whether the rows are there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Load {
    /// Nobody asked.
    #[default]
    Idle,
    /// Rows may still come.
    Loading,
    /// All rows are there.
    Done,
    /// It ended with an error; rows that came before it stay.
    Failed(Failure),
}

struct Row {
    text: Box<str>,
    key: Box<[u8]>,
    /// The key's first bytes, so that most comparisons follow no pointer.
    head: u64,
}

impl Row {
    fn new(text: &str, key: Box<[u8]>) -> Row {
        let mut head = [0; 8];
        head.iter_mut().zip(&key).for_each(|(to, from)| *to = *from);
        Row { text: text.into(), key, head: u64::from_be_bytes(head) }
    }
}

/// A filter that is being worked on: rows before `next` of `candidates` are done.
struct Work {
    pattern: Pattern,
    candidates: Vec<u32>,
    next: usize,
    hits: Vec<(u32, u32)>,
    /// The row that keeps the cursor: what was typed is the same, the rows are others.
    kept: Option<u32>,
}

/// See the module.
#[derive(Default)]
pub struct Listing {
    rows: Vec<Row>,
    /// All rows, sorted.
    order: Vec<u32>,
    /// Rows that pass the filter, in `order`'s order: what a longer filter starts from.
    matched: Vec<u32>,
    /// Rows on the screen's list: as `matched`, or by rank while a filter is on.
    shown: Vec<u32>,
    cursor: usize,
    /// First row of the window.
    pub offset: usize,
    /// The row where a range began.
    anchor: Option<u32>,
    filter: String,
    sort: Sort,
    by_version: bool,
    /// Whether the rows are there.
    pub load: Load,
    /// The request that fills it: answers to older ones are dropped.
    pub generation: u64,
    work: Option<Work>,
    /// The row to go back to once it has come again.
    wanted: Option<String>,
    /// Rows of an earlier answer, to be replaced by the first page.
    stale: bool,
}

/// Rows that one step of a filter looks at: about a millisecond.
const STEP: usize = 6_000;
/// More than any match of a name scores.
const WHOLE: u32 = 1 << 20;

impl Listing {
    /// An empty list; `by_version` for tags.
    pub fn new(sort: Sort, by_version: bool) -> Listing {
        Listing { sort, by_version, ..Listing::default() }
    }

    /// A list whose rows are all here.
    pub fn of<T: AsRef<str>>(rows: impl IntoIterator<Item = T>, sort: Sort) -> Listing {
        let mut list = Listing::new(sort, false);
        list.extend(rows);
        list.load = Load::Done;
        list
    }

    /// Asked (again): the first page replaces what is here.
    pub fn begin(&mut self, generation: u64) {
        self.load = Load::Loading;
        self.generation = generation;
        self.stale = true;
        self.wanted = self.current().map(str::to_owned);
    }

    /// Adds a page.
    pub fn extend<T: AsRef<str>>(&mut self, page: impl IntoIterator<Item = T>) {
        self.drop_stale();
        let kept = self.current_row().filter(|_| self.cursor > 0);
        let first = self.rows.len();
        let key = if self.by_version { version_key } else { natural_key };
        self.rows.extend(page.into_iter().map(|text| Row::new(text.as_ref(), key(text.as_ref()))));
        let sorted = std::mem::take(&mut self.order);
        self.order = (first as u32..self.rows.len() as u32).collect();
        self.sort_rows();
        self.merge(sorted);
        self.refilter(true);
        self.keep(kept);
        if let Some(wanted) = self.wanted.take()
            && !self.select(&wanted)
        {
            self.wanted = Some(wanted);
        }
    }

    /// The last page has come.
    pub fn end(&mut self, failure: Option<Failure>) {
        if failure.is_none() {
            self.drop_stale();
        }
        self.stale = false;
        self.wanted = None;
        self.load = failure.map_or(Load::Done, Load::Failed);
    }

    fn drop_stale(&mut self) {
        if std::mem::take(&mut self.stale) {
            self.rows.clear();
            self.order.clear();
            self.matched.clear();
            self.shown.clear();
            (self.cursor, self.offset, self.anchor, self.work) = (0, 0, None, None);
        }
    }

    /// The next order.
    pub fn next_sort(&mut self) {
        self.sort = match (self.sort, self.by_version) {
            (Sort::Versions, _) => Sort::Names,
            (Sort::Names, _) => Sort::Arrival,
            (Sort::Arrival, true) => Sort::Versions,
            (Sort::Arrival, false) => Sort::Names,
        };
        let kept = self.current_row();
        self.sort_rows();
        self.refilter(true);
        self.keep(kept);
    }

    /// The order.
    pub fn sort(&self) -> Sort {
        self.sort
    }

    fn sort_rows(&mut self) {
        let mut order = std::mem::take(&mut self.order);
        match self.sort {
            Sort::Arrival => order.sort_unstable(),
            _ => order.sort_by(|a, b| self.compare(*a, *b)),
        }
        self.order = order;
    }

    /// Two rows in the list's order; ties stay as they arrived.
    fn compare(&self, a: u32, b: u32) -> Ordering {
        let (first, second) = (&self.rows[a as usize], &self.rows[b as usize]);
        match self.sort {
            Sort::Versions => second.head.cmp(&first.head).then_with(|| second.key.cmp(&first.key)),
            Sort::Names if self.by_version => first.text.cmp(&second.text),
            Sort::Names => first.head.cmp(&second.head).then_with(|| first.key.cmp(&second.key)),
            Sort::Arrival => a.cmp(&b),
        }
    }

    /// Puts the rows of `sorted`, which came earlier, and those of `order` into one order.
    fn merge(&mut self, sorted: Vec<u32>) {
        let fresh = std::mem::take(&mut self.order);
        // Registries list in an order of their own, which often is ours: then nothing is compared.
        let behind = match (sorted.last(), fresh.first()) {
            (Some(last), Some(first)) => self.compare(*last, *first) != Ordering::Greater,
            _ => true,
        };
        let (mut before, mut after) = (sorted.into_iter().peekable(), fresh.into_iter().peekable());
        let mut order = Vec::with_capacity(before.len() + after.len());
        while !behind && let (Some(a), Some(b)) = (before.peek(), after.peek()) {
            let next = if self.compare(*a, *b) == Ordering::Greater { after.next() } else { before.next() };
            order.extend(next);
        }
        order.extend(before);
        order.extend(after);
        self.order = order;
    }

    /// The filter's text.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Sets the filter; rows are looked at by [`Listing::work`].
    pub fn set_filter(&mut self, text: &str) {
        if text == self.filter {
            return;
        }
        // A longer text finds less, unless it has the pattern's own signs.
        let narrower = self.work.is_none()
            && text.starts_with(&self.filter)
            && !text.contains(['!', '^', '$', '\'', '\\', ' ']);
        self.filter = text.to_owned();
        self.refilter(!narrower);
    }

    /// The cursor stays on a row, now or once the filter is done.
    fn keep(&mut self, row: Option<u32>) {
        match &mut self.work {
            Some(work) => work.kept = row,
            None => self.go_to_row(row),
        }
    }

    fn refilter(&mut self, from_all: bool) {
        if self.filter.is_empty() {
            let kept = self.current_row();
            self.work = None;
            self.matched.clone_from(&self.order);
            self.shown.clone_from(&self.order);
            self.go_to_row(kept);
            return;
        }
        let candidates = if from_all { self.order.clone() } else { std::mem::take(&mut self.matched) };
        let pattern = Pattern::parse(&self.filter, CaseMatching::Smart, Normalization::Smart);
        self.work = Some(Work { pattern, candidates, next: 0, hits: Vec::new(), kept: None });
    }

    /// Whether a filter has rows left to look at.
    pub fn has_work(&self) -> bool {
        self.work.is_some()
    }

    /// Looks at some thousand rows. When the last is seen, the result is shown at once.
    pub fn work(&mut self, matcher: &mut Matcher) {
        let Some(work) = &mut self.work else { return };
        let mut buffer = Vec::new();
        let end = (work.next + STEP).min(work.candidates.len());
        for row in &work.candidates[work.next..end] {
            let text = &*self.rows[*row as usize].text;
            if let Some(score) = work.pattern.score(Utf32Str::new(text, &mut buffer), matcher) {
                // What was typed, in one piece, beats its letters scattered: version numbers are full of those.
                let whole = if text.contains(&self.filter) { WHOLE } else { 0 };
                work.hits.push((score + whole, *row));
            }
        }
        work.next = end;
        if end < work.candidates.len() {
            return;
        }
        let (mut hits, kept) = (std::mem::take(&mut work.hits), work.kept);
        self.work = None;
        self.matched = hits.iter().map(|(_, row)| *row).collect();
        // Stable: equal ranks stay in the list's order.
        hits.sort_by_key(|(score, _)| Reverse(*score));
        self.shown = hits.into_iter().map(|(_, row)| row).collect();
        (self.cursor, self.offset) = (0, 0);
        if kept.is_some() {
            self.go_to_row(kept);
        }
    }

    /// Rows in all.
    pub fn total(&self) -> usize {
        self.rows.len()
    }

    /// Rows that pass the filter.
    pub fn len(&self) -> usize {
        self.shown.len()
    }

    /// Whether no row passes.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// The text of a shown row.
    pub fn text(&self, position: usize) -> Option<&str> {
        self.shown.get(position).map(|row| &*self.rows[*row as usize].text)
    }

    /// The texts of all shown rows.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.shown.iter().map(|row| &*self.rows[*row as usize].text)
    }

    /// Where a shown row stood when it arrived.
    pub fn arrival(&self, position: usize) -> Option<usize> {
        self.shown.get(position).map(|row| *row as usize)
    }

    /// The cursor's position among the shown rows.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The cursor's text.
    pub fn current(&self) -> Option<&str> {
        self.text(self.cursor)
    }

    fn current_row(&self) -> Option<u32> {
        self.shown.get(self.cursor).copied()
    }

    /// Moves the cursor, within bounds.
    pub fn move_to(&mut self, position: usize) {
        self.cursor = position.min(self.shown.len().saturating_sub(1));
    }

    /// Moves the cursor by some rows.
    pub fn move_by(&mut self, rows: isize) {
        self.move_to(self.cursor.saturating_add_signed(rows));
    }

    /// Moves the cursor to a row; false if it is not shown.
    pub fn select(&mut self, text: &str) -> bool {
        let position = self.shown.iter().position(|row| &*self.rows[*row as usize].text == text);
        if let Some(position) = position {
            self.cursor = position;
        }
        position.is_some()
    }

    fn go_to_row(&mut self, row: Option<u32>) {
        let position = row.and_then(|row| self.shown.iter().position(|shown| *shown == row));
        self.cursor = position.unwrap_or(self.cursor.min(self.shown.len().saturating_sub(1)));
    }

    /// Begins a range at the cursor, or ends it; the answer is the range that ended, both ends included.
    pub fn toggle_range(&mut self) -> Option<(usize, usize)> {
        match self.range() {
            Some(range) => {
                self.anchor = None;
                Some(range)
            }
            None => {
                self.anchor = self.current_row();
                None
            }
        }
    }

    /// The range under way, from its first to its last row.
    pub fn range(&self) -> Option<(usize, usize)> {
        let anchor = self.anchor?;
        let begin = self.shown.iter().position(|row| *row == anchor)?;
        Some((begin.min(self.cursor), begin.max(self.cursor)))
    }

    /// Forgets the range; whether there was one.
    pub fn drop_range(&mut self) -> bool {
        self.anchor.take().is_some()
    }

    /// Keeps the cursor within a window of `height` rows.
    pub fn settle(&mut self, height: usize) {
        self.offset = settled(self.offset, self.cursor, self.shown.len(), height);
    }
}

/// The offset that keeps `cursor` within a window of `height` of `len` rows, moved as little as possible.
pub fn settled(offset: usize, cursor: usize, len: usize, height: usize) -> usize {
    let height = height.max(1);
    let offset = offset.min(cursor).max((cursor + 1).saturating_sub(height));
    offset.min(len.saturating_sub(height))
}

#[cfg(test)]
mod tests;
