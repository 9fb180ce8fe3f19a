//! The target's form: where copies go, what they are called there, proposals, and examples of what that means.

use super::aim::{Aim, Naming};
use super::form::{Form, Item};
use crate::config::{Prefix, RegistryEntry};
use crate::oci::Location;

/// A line of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetField {
    /// Where copies go.
    First,
    /// Where else they go.
    More,
    /// What they are called there.
    Names,
    /// A rule's expression.
    From,
    /// What it becomes.
    To,
    /// Which copies of the queue go there, too.
    Queue,
}

/// What can be chosen for names, in the order of the choice.
pub const NAMES: usize = 6;
/// The choice that is a rule.
const RULE: usize = 5;

/// A place that could be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// What is typed for it.
    pub text: String,
    /// What it is.
    pub note: String,
}

/// See the module.
pub struct TargetForm {
    /// The lines.
    pub form: Form<TargetField>,
    /// Places.
    pub proposals: Vec<Proposal>,
    /// Those that fit what is typed, the best first.
    pub hits: Vec<usize>,
    /// The chosen one of them.
    pub chosen: Option<usize>,
    /// Images that show what the names become.
    pub examples: Vec<Location>,
    /// Show the plan once it is answered: the start was waiting for it.
    pub then_start: bool,
}

impl TargetForm {
    /// A form that says what `aim` says; `queued` copies of the queue have a destination already.
    pub fn new(aim: Option<&Aim>, queued: usize) -> TargetForm {
        let places = aim.map(Aim::places).unwrap_or_default();
        let first = places.first().map(Prefix::to_string).unwrap_or_default();
        let more: Vec<String> = places.iter().skip(1).map(Prefix::to_string).collect();
        let naming = aim.map(|aim| aim.naming.clone()).unwrap_or_default();
        let (from, to) = match &naming {
            Naming::Rule { from, to } => (from.clone(), to.clone()),
            _ => ("(.*)".to_owned(), "$1".to_owned()),
        };
        let mut items = vec![
            Item::text(TargetField::First, first),
            Item::text(TargetField::More, more.join(", ")),
            Item::choice(TargetField::Names, choice(&naming), NAMES),
            Item::text(TargetField::From, from),
            Item::text(TargetField::To, to),
        ];
        if queued > 0 {
            items.push(Item::choice(TargetField::Queue, 0, 2));
        }
        let form = Form::new(items);
        let mut form = TargetForm {
            form,
            proposals: Vec::new(),
            hits: Vec::new(),
            chosen: None,
            examples: Vec::new(),
            then_start: false,
        };
        form.fold();
        form
    }

    /// Shows the rule's lines where a rule is chosen.
    pub fn fold(&mut self) {
        let rule = self.form.choice(TargetField::Names) == RULE;
        self.form.show(TargetField::From, rule);
        self.form.show(TargetField::To, rule);
    }

    /// The rule for names.
    pub fn naming(&self) -> Naming {
        match self.form.choice(TargetField::Names) {
            0 => Naming::Keep,
            1 => Naming::Drop(0),
            2 => Naming::Drop(2),
            3 => Naming::Drop(3),
            4 => Naming::Last,
            _ => Naming::Rule {
                from: self.form.text(TargetField::From).to_owned(),
                to: self.form.text(TargetField::To).to_owned(),
            },
        }
    }

    /// What was entered. The error is of a line.
    pub fn aim(&self, entries: &[RegistryEntry]) -> Result<Aim, (TargetField, String)> {
        let place = |field| move |text: &str| Prefix::parse(text, entries).map_err(|reason| (field, reason));
        let first = place(TargetField::First)(self.form.text(TargetField::First))?;
        let more = self.form.text(TargetField::More).split([',', ' ']).filter(|word| !word.is_empty());
        let more = more.map(place(TargetField::More)).collect::<Result<Vec<_>, _>>()?;
        Aim::new(first, more, self.naming()).map_err(|reason| (TargetField::From, reason))
    }

    /// Whether all copies of the queue get the new target.
    pub fn retargets(&self) -> bool {
        self.form.choice(TargetField::Queue) == 1
    }

    /// The text that proposals are for: the line's, or the last of several in it.
    pub fn typed(&self) -> Option<&str> {
        let field = self.form.current()?.field;
        match field {
            TargetField::First => Some(self.form.text(field)),
            TargetField::More => self.form.text(field).rsplit([',', ' ']).next(),
            _ => None,
        }
    }

    /// The next proposal, or the one before; above the first there is none.
    pub fn propose(&mut self, down: bool) {
        self.chosen = match (self.chosen, down) {
            _ if self.hits.is_empty() => None,
            (None, true) => Some(0),
            (Some(at), true) => Some((at + 1).min(self.hits.len() - 1)),
            (None | Some(0), false) => None,
            (Some(at), false) => Some(at - 1),
        };
    }

    /// Writes the chosen proposal into its line; whether there was one.
    pub fn take(&mut self) -> bool {
        let Some(field) = self.form.current().map(|item| item.field) else { return false };
        let chosen = self.chosen.take().and_then(|at| self.hits.get(at));
        let Some(proposal) = chosen.and_then(|at| self.proposals.get(*at)) else { return false };
        let text = match field {
            TargetField::More => {
                let typed = self.form.text(field);
                let kept = typed.rfind([',', ' ']).map_or("", |end| &typed[..end]);
                match kept.trim_end_matches([',', ' ']) {
                    "" => proposal.text.clone(),
                    kept => format!("{kept}, {}", proposal.text),
                }
            }
            _ => proposal.text.clone(),
        };
        self.form.write(field, &text);
        true
    }
}

fn choice(naming: &Naming) -> usize {
    match naming {
        Naming::Keep => 0,
        Naming::Drop(0) => 1,
        Naming::Drop(..=2) => 2,
        Naming::Drop(_) => 3,
        Naming::Last => 4,
        Naming::Rule { .. } => RULE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_what_its_target_said() {
        let place = |text: &str| Prefix::parse(text, &[]).unwrap();
        for naming in [
            Naming::Keep,
            Naming::Drop(0),
            Naming::Drop(2),
            Naming::Drop(3),
            Naming::Last,
            Naming::Rule { from: "a(.*)".to_owned(), to: "$1".to_owned() },
        ] {
            let aim = Aim::new(place("a.io/m"), vec![place("store:"), place("c.io")], naming).unwrap();
            let again = TargetForm::new(Some(&aim), 0).aim(&[]).unwrap();
            assert_eq!((again.to_string(), &again.naming), (aim.to_string(), &aim.naming));
        }
    }

    #[test]
    fn what_is_wrong_is_said_of_its_line() {
        let mut form = TargetForm::new(None, 2);
        assert_eq!(form.aim(&[]).unwrap_err().0, TargetField::First);
        form.form.write(TargetField::First, "h.io");
        form.form.write(TargetField::More, "store:, habor");
        assert_eq!(form.aim(&[]).unwrap_err().0, TargetField::More);
        form.form.write(TargetField::More, "");
        form.form.items[2].value = super::super::form::Value::Choice(RULE, NAMES);
        form.fold();
        form.form.write(TargetField::From, "(");
        assert_eq!(form.aim(&[]).unwrap_err().0, TargetField::From);
    }

    #[test]
    fn proposals_are_taken_into_their_line() {
        let mut form = TargetForm::new(None, 0);
        let proposal = |text: &str| Proposal { text: text.to_owned(), note: String::new() };
        form.proposals = vec![proposal("a.io"), proposal("store:")];
        form.hits = vec![1, 0];
        form.propose(true);
        assert!(form.take() && !form.take());
        assert_eq!(form.form.text(TargetField::First), "store:");
        form.form.step(true);
        form.form.write(TargetField::More, "b.io, x");
        assert_eq!(form.typed(), Some("x"));
        form.propose(true);
        form.propose(true);
        form.propose(true);
        assert!(form.take());
        assert_eq!(form.form.text(TargetField::More), "b.io, a.io");
    }
}
