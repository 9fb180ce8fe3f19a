//! A theme's file: which style each role of the screen has, as text with its place. What a style means is the terminal
//! UI's; here it is read, and what is no theme is told with its line.

use std::path::Path;

use super::THEMES;
use super::document::{self, Position, Value};
use super::fault::Fault;
use super::load::utf8;
use super::reader::{Field, Fields, Reader};

/// The largest theme that is read, in bytes.
pub const THEME_LIMIT: u64 = 64 << 10;

/// See the module.
#[derive(Debug, Default)]
pub struct ThemeFile {
    /// The theme that gives the roles which are left out.
    pub base: Option<&'static str>,
    /// Roles with their styles.
    pub roles: Vec<RoleStyle>,
    /// The same for a terminal of sixteen colours.
    pub ansi16: Vec<RoleStyle>,
}

/// A role's style as it is written.
#[derive(Debug)]
pub struct RoleStyle {
    /// The role.
    pub role: &'static str,
    /// The style.
    pub text: String,
    /// Where it stands.
    pub at: Position,
}

impl ThemeFile {
    /// Reads a file's content; `roles` are those that there are. `file` is for the faults.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(file: &Path, content: &[u8], roles: &[&'static str]) -> Result<ThemeFile, Vec<Fault>> {
        if content.len() as u64 > THEME_LIMIT {
            let reason = format!("it is larger than {} KiB", THEME_LIMIT >> 10);
            return Err(vec![Fault::whole(file, reason)]);
        }
        let text = utf8(file, content).map_err(|fault| vec![fault])?;
        let mut reader = Reader::new(file);
        let mut theme = ThemeFile::default();
        match document::read(text) {
            Ok(root) => {
                let root = root.filter(|node| !matches!(node.value, Value::Null));
                let field = root.as_ref().map(|node| Field { path: String::new(), node });
                if let Some(mut fields) = field.and_then(|field| reader.fields(&field)) {
                    theme = read(&mut reader, &mut fields, roles);
                    reader.finish(fields);
                }
            }
            Err(e) => reader.fault(e.at, "", e.reason),
        }
        match reader.into_faults() {
            faults if faults.is_empty() => Ok(theme),
            faults => Err(faults),
        }
    }
}

fn read(reader: &mut Reader, fields: &mut Fields<'_>, roles: &[&'static str]) -> ThemeFile {
    // A copy of one of wharf's own has it; a user's theme is called as its file is.
    fields.take(reader, "name");
    let bases = THEMES.map(|name| (name, name));
    let base = fields.take(reader, "base").and_then(|field| reader.choice(&field, &bases));
    let styles = styles(reader, fields, roles);
    let mut ansi16 = Vec::new();
    let section = fields.take(reader, "ansi16");
    if let Some(mut section) = section.and_then(|field| reader.fields(&field)) {
        ansi16 = self::styles(reader, &mut section, roles);
        reader.finish(section);
    }
    ThemeFile { base, roles: styles, ansi16 }
}

fn styles(reader: &mut Reader, fields: &mut Fields<'_>, roles: &[&'static str]) -> Vec<RoleStyle> {
    let mut styles = Vec::new();
    for role in roles {
        if let Some(field) = fields.take(reader, role)
            && let Some(text) = reader.text(&field)
        {
            styles.push(RoleStyle { role, text, at: field.node.at });
        }
    }
    styles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_what_is_none_is_told_with_its_line() {
        let read =
            |text: &str| ThemeFile::read(Path::new("t.yaml"), text.as_bytes(), &["text", "dim", "error"]);
        let theme = read("base: light\nerror: red\nansi16: {dim: gray}\n").unwrap();
        assert_eq!((theme.base, theme.roles[0].role, theme.ansi16[0].role), (Some("light"), "error", "dim"));
        assert_eq!(theme.roles[0].at, Position { line: 2, column: 8 });
        assert!(read("").unwrap().roles.is_empty());
        let faults =
            |text: &str| -> Vec<String> { read(text).unwrap_err().iter().map(ToString::to_string).collect() };
        assert_eq!(
            faults("base: drak\neror: red\ntext: [a]\nansi16: {dimm: x}\n"),
            [
                "t.yaml:1:7: base: \"drak\" is none of dark, light, mono, high-contrast, deuteranopia; did you mean \"dark\"?",
                "t.yaml:2:1: eror: unknown key \"eror\"; the nearest valid key is \"error\"",
                "t.yaml:3:7: text: text is needed, not a list",
                "t.yaml:4:10: ansi16.dimm: unknown key \"dimm\"; the nearest valid key is \"dim\"",
            ]
        );
        assert_eq!(faults("- a\n").len(), 1);
        assert_eq!(faults("a: [\n").len(), 1);
        assert!(ThemeFile::read(Path::new("t.yaml"), b"text: \xff", &["text"]).is_err());
    }
}
