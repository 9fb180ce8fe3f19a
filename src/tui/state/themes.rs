//! The choice of a theme: the screen shows the one under the cursor until it is taken, or taken back.

use crate::tui::theme::Theme;

/// See the module.
#[derive(Debug)]
pub struct ThemeChoice {
    /// wharf's own, then the user's.
    pub names: Vec<String>,
    /// How many of them are wharf's.
    pub own: usize,
    /// The row that is shown.
    pub cursor: usize,
    /// The theme that is taken back.
    pub before: Theme,
    /// What is wrong with the one under the cursor.
    pub fault: Option<String>,
}

impl ThemeChoice {
    /// A choice among wharf's themes, beginning with the one in use; the user's come later.
    pub fn new(before: &Theme) -> ThemeChoice {
        let mut names: Vec<String> = Theme::names().into_iter().map(str::to_owned).collect();
        let own = names.len();
        if !names.contains(&before.name) {
            names.push(before.name.clone());
        }
        let cursor = names.iter().position(|name| *name == before.name).unwrap_or(0);
        ThemeChoice { names, own, cursor, before: before.clone(), fault: None }
    }

    /// The user's themes are known; the cursor stays on its name.
    pub fn list(&mut self, names: Vec<String>) {
        let current = self.current().to_owned();
        self.names.truncate(self.own);
        self.names.extend(names.into_iter().filter(|name| !Theme::names().contains(&name.as_str())));
        if !self.names.contains(&current) {
            self.names.push(current.clone());
        }
        self.cursor = self.names.iter().position(|name| *name == current).unwrap_or(0);
    }

    /// The name under the cursor.
    pub fn current(&self) -> &str {
        self.names.get(self.cursor).map_or("", String::as_str)
    }
}
