//! A YAML (or JSON) file as a tree that knows where everything stands.
//!
//! serde stops at the first fault and saphyr's own loader refuses repeated keys and turns `1.20` into a
//! number, so the tree is built here from the parser's events: every node has its line and column, repeated
//! keys stay, plain text stays text. Depth, size and what aliases expand to are bounded.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// The deepest nesting that is read; a configuration needs six.
const DEPTH_LIMIT: usize = 64;
/// Nodes that a file may have, those that aliases repeat included.
const NODE_LIMIT: usize = 100_000;

/// A place in a file, both counted from 1; the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    /// The file's beginning.
    pub const START: Position = Position { line: 1, column: 1 };

    fn of(span: &Span) -> Position {
        Position { line: span.start.line().max(1), column: span.start.col() + 1 }
    }
}

/// A node of the file.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub value: Value,
    /// Nodes in it, itself included.
    weight: usize,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Text as it is written, and whether it stands there without quotes (so that it may be a number).
    Scalar { text: String, plain: bool },
    /// `- …`
    List(Vec<Node>),
    /// `key: …`, in the file's order, repeated keys included.
    Map(Vec<(Node, Node)>),
}

/// Why a text is no document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxFault {
    /// Where.
    pub at: Position,
    /// What is wrong.
    pub reason: String,
}

/// Reads a text. `None` is a file without content.
pub(super) fn read(text: &str) -> Result<Option<Node>, SyntaxFault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser::new_from_str(text);
    let mut tree = Tree::default();
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|e| {
            let at = Position { line: e.marker().line().max(1), column: e.marker().col() + 1 };
            SyntaxFault { at, reason: format!("this is no YAML: {}", e.info()) }
        })?;
        let at = Position::of(&span);
        tree.add(event, at).map_err(|reason| SyntaxFault { at, reason })?;
    }
    Ok(tree.root)
}

/// A list or map whose end has not come yet.
struct Open {
    at: Position,
    anchor: usize,
    /// Items of a list; of a map, keys and values in turn.
    children: Vec<Node>,
    is_map: bool,
}

#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
}

impl Tree {
    fn add(&mut self, event: Event<'_>, at: Position) -> Result<(), String> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                match self.documents > 1 {
                    true => Err("a second document begins here; a file holds one".to_owned()),
                    false => Ok(()),
                }
            }
            Event::SequenceStart(anchor, _) => self.begin(anchor, at, false),
            Event::MappingStart(anchor, _) => self.begin(anchor, at, true),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Scalar(text, style, anchor, tag) => {
                let forced = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                let plain = style == ScalarStyle::Plain && !forced;
                let value = match plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
                    true => Value::Null,
                    false => Value::Scalar { text: text.into_owned(), plain },
                };
                self.place(Node { at, value, weight: 1 }, anchor)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                // The weight is looked at before anything is copied.
                Some(node) if self.nodes + node.weight <= NODE_LIMIT => {
                    let node = node.clone();
                    self.place(node, 0)
                }
                Some(_) => Err(too_many()),
                None => Err("an alias refers to something that it is itself a part of".to_owned()),
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, at: Position, is_map: bool) -> Result<(), String> {
        if self.open.len() >= DEPTH_LIMIT {
            return Err(format!("nested deeper than {DEPTH_LIMIT} levels"));
        }
        self.open.push(Open { at, anchor, children: Vec::new(), is_map });
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let weight = 1 + open.children.iter().map(|c| c.weight).sum::<usize>();
        // What is inside was counted when it was placed.
        self.nodes -= weight - 1;
        let value = match open.is_map {
            false => Value::List(open.children),
            true => {
                let mut children = open.children.into_iter();
                let mut entries = Vec::new();
                while let (Some(key), Some(value)) = (children.next(), children.next()) {
                    entries.push((key, value));
                }
                Value::Map(entries)
            }
        };
        self.place(Node { at: open.at, value, weight }, open.anchor)
    }

    fn place(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        self.nodes += node.weight;
        if self.nodes > NODE_LIMIT {
            return Err(too_many());
        }
        if anchor != 0 {
            self.nodes += node.weight;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some(open) => open.children.push(node),
            None => self.root = Some(node),
        }
        Ok(())
    }
}

fn too_many() -> String {
    format!("more than {NODE_LIMIT} values, those that aliases repeat included")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(Node, Node)> {
        match read(text).unwrap().unwrap().value {
            Value::Map(entries) => entries,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn text_keeps_its_form_and_its_place() {
        let map = entries("a: 1.20\nb: \"镜像\"\na:\n  - x\n");
        let plain: Vec<_> =
            map.iter().map(|(key, value)| (key.at.line, key.at.column, value.at.line)).collect();
        assert_eq!(plain, [(1, 1, 1), (2, 1, 2), (3, 1, 4)]);
        assert!(matches!(&map[0].1.value, Value::Scalar { text, plain: true } if text == "1.20"));
        assert!(matches!(&map[1].1.value, Value::Scalar { text, plain: false } if text == "镜像"));
    }

    #[test]
    fn nothing_is_nothing() {
        for text in ["", "\n", "# only a comment\n", "\u{feff}", "---\n"] {
            assert!(
                matches!(read(text).map(|n| n.map(|n| n.value)), Ok(None | Some(Value::Null))),
                "{text:?}"
            );
        }
    }

    #[test]
    fn bombs_and_wells_are_refused() {
        let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, before) in ('b'..='j').zip('a'..) {
            let items = vec![format!("*{before}"); 9].join(", ");
            bomb += &format!("{name}: &{name} [{items}]\n");
        }
        assert!(read(&bomb).unwrap_err().reason.contains("aliases"));
        assert!(read(&"[".repeat(50_000)).is_err());
        assert!(read("a: &a\n  b: *a\n").unwrap_err().reason.contains("itself"));
        assert!(read("a: 1\n---\nb: 2\n").unwrap_err().reason.contains("second document"));
        let broken = read("a: 1\nb: [1, 2\n").unwrap_err();
        assert!(broken.at.line >= 2, "{broken:?}");
    }
}
