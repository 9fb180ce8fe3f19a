//! A form: named lines, each a text, a switch or a choice. One file for all of them; what a line means is its owner's.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::backend::crossterm::EventHandler;
use tui_input::{Input, InputRequest};

use crate::oci::printable;

/// What a line holds.
#[derive(Debug, Clone)]
pub enum Value {
    /// A text.
    Text(Input),
    /// Yes or no.
    Switch(bool),
    /// One of so many.
    Choice(usize, usize),
}

/// A line.
#[derive(Debug, Clone)]
pub struct Item<F> {
    /// Which.
    pub field: F,
    /// What it holds.
    pub value: Value,
    /// Those that the form is for do not agree; it stays so as long as the line is not touched.
    pub mixed: bool,
    /// A person has changed it.
    pub touched: bool,
    /// What is wrong with it.
    pub error: Option<String>,
    /// It is of no use now.
    pub hidden: bool,
}

/// A form.
#[derive(Debug, Clone)]
pub struct Form<F> {
    /// The lines.
    pub items: Vec<Item<F>>,
    /// The line that has the keys.
    pub at: usize,
}

impl<F: Copy + PartialEq> Form<F> {
    /// A form of these lines.
    pub fn new(items: Vec<Item<F>>) -> Form<F> {
        Form { items, at: 0 }
    }

    /// The line that has the keys.
    pub fn current(&self) -> Option<&Item<F>> {
        self.items.get(self.at)
    }

    /// A line.
    pub fn item(&self, field: F) -> Option<&Item<F>> {
        self.items.iter().find(|item| item.field == field)
    }

    /// A line.
    pub fn item_mut(&mut self, field: F) -> Option<&mut Item<F>> {
        self.items.iter_mut().find(|item| item.field == field)
    }

    /// A line's text; empty if it has none.
    pub fn text(&self, field: F) -> &str {
        match self.item(field).map(|item| &item.value) {
            Some(Value::Text(input)) => input.value().trim(),
            _ => "",
        }
    }

    /// Whether a line is switched on.
    pub fn is_on(&self, field: F) -> bool {
        matches!(self.item(field), Some(Item { value: Value::Switch(true), .. }))
    }

    /// A line's choice; the first if it has none.
    pub fn choice(&self, field: F) -> usize {
        match self.item(field).map(|item| &item.value) {
            Some(Value::Choice(chosen, _)) => *chosen,
            _ => 0,
        }
    }

    /// Sets a line's text as a person would.
    pub fn write(&mut self, field: F, text: &str) {
        if let Some(item) = self.item_mut(field) {
            item.value = Value::Text(Input::new(text.to_owned()));
            (item.touched, item.mixed, item.error) = (true, false, None);
        }
    }

    /// Whether a person has changed a line.
    pub fn touched(&self, field: F) -> bool {
        self.item(field).is_some_and(|item| item.touched)
    }

    /// The next line, or the one before.
    pub fn step(&mut self, forward: bool) {
        let count = self.items.len().max(1);
        for _ in 0..count {
            self.at = (self.at + if forward { 1 } else { count - 1 }) % count;
            if self.current().is_some_and(|item| !item.hidden) {
                return;
            }
        }
    }

    /// Shows a line, or hides it.
    pub fn show(&mut self, field: F, shown: bool) {
        if let Some(item) = self.item_mut(field) {
            item.hidden = !shown;
        }
    }

    /// Goes to a line and says what is wrong with it.
    pub fn refuse(&mut self, field: F, reason: &str) {
        let first = self.items.iter().all(|item| item.error.is_none());
        if let Some(at) = self.items.iter().position(|item| item.field == field) {
            self.items[at].error = Some(printable(reason, 300));
            if first {
                self.at = at;
            }
        }
    }

    /// Forgets what was wrong.
    pub fn clear_errors(&mut self) {
        self.items.iter_mut().for_each(|item| item.error = None);
    }

    /// A key for the line: text, or left, right and blank for what is chosen. The line that changed, if one did.
    pub fn key(&mut self, key: KeyEvent) -> Option<F> {
        let item = self.items.get_mut(self.at)?;
        let plain = !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        let changed = match (&mut item.value, key.code) {
            (Value::Text(input), _) => {
                let before = input.value().to_owned();
                input.handle_event(&Event::Key(key));
                input.value() != before
            }
            (Value::Switch(on), KeyCode::Char(' ') | KeyCode::Left | KeyCode::Right) if plain => {
                *on = item.mixed || !*on;
                true
            }
            (Value::Choice(at, count), KeyCode::Char(' ') | KeyCode::Right) if plain => {
                *at = (*at + 1) % (*count).max(1);
                true
            }
            (Value::Choice(at, count), KeyCode::Left) if plain => {
                *at = (*at + (*count).max(1) - 1) % (*count).max(1);
                true
            }
            _ => false,
        };
        if changed {
            (item.touched, item.mixed, item.error) = (true, false, None);
        }
        changed.then_some(item.field)
    }

    /// A paste into the line, if it takes text.
    pub fn paste(&mut self, text: &str) -> Option<F> {
        let item = self.items.get_mut(self.at)?;
        let Value::Text(input) = &mut item.value else { return None };
        for c in printable(text.trim(), 2000).chars() {
            input.handle(InputRequest::InsertChar(c));
        }
        (item.touched, item.mixed, item.error) = (true, false, None);
        Some(item.field)
    }
}

impl<F> Item<F> {
    fn of(field: F, value: Value) -> Item<F> {
        Item { field, value, mixed: false, touched: false, error: None, hidden: false }
    }

    /// A text.
    pub fn text(field: F, text: impl Into<String>) -> Item<F> {
        Item::of(field, Value::Text(Input::new(text.into())))
    }

    /// Yes or no.
    pub fn switch(field: F, on: bool) -> Item<F> {
        Item::of(field, Value::Switch(on))
    }

    /// One of so many.
    pub fn choice(field: F, chosen: usize, count: usize) -> Item<F> {
        Item::of(field, Value::Choice(chosen, count))
    }

    /// Of several that do not agree.
    pub fn mixed(self, mixed: bool) -> Item<F> {
        Item { mixed, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_take_keys_each_in_its_way() {
        let items = vec![Item::text(0, "a"), Item::switch(1, false).mixed(true), Item::choice(2, 0, 3)];
        let mut form = Form::new(items);
        let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
        assert_eq!(form.key(key(KeyCode::Char('b'))), Some(0));
        assert_eq!(form.key(key(KeyCode::Left)), None, "the caret moves");
        form.step(true);
        assert_eq!(form.key(key(KeyCode::Char('x'))), None);
        assert!(!form.touched(1) && form.items[1].mixed);
        assert_eq!(form.key(key(KeyCode::Char(' '))), Some(1));
        assert!(form.is_on(1) && form.touched(1) && !form.items[1].mixed);
        form.step(true);
        assert_eq!((form.key(key(KeyCode::Left)), form.choice(2)), (Some(2), 2));
        assert_eq!((form.paste("x"), form.text(0)), (None, "ab"));
        form.step(true);
        assert_eq!((form.paste(" \x1b[31mc\n"), form.at), (Some(0), 0));
        form.refuse(2, "no");
        form.refuse(0, "no");
        assert_eq!(form.at, 2, "the first that is wrong");
    }
}
