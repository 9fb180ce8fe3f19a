//! The login's form, and the line that a password is typed into: it is never shown, never in `Debug`, never copied
//! around, and overwritten when it is dropped.

use std::fmt;

use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};
use tui_input::Input;

use crate::job::Failure;
use crate::oci::{ErrorClass, Location, Registry};

/// The longest password, in bytes: tokens are passwords too.
const LIMIT: usize = 8192;

/// A password on its way. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Password(pub SecretString);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Password) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for Password {}

/// The line that a password is typed into.
pub struct HiddenLine {
    /// Room for all that it takes is there from the start: text that grows is copied, and the copies stay behind.
    text: String,
}

impl Default for HiddenLine {
    fn default() -> HiddenLine {
        HiddenLine { text: String::with_capacity(LIMIT) }
    }
}

impl HiddenLine {
    /// Takes a character; control characters, and what is too much, are none of a password.
    pub fn push(&mut self, c: char) {
        if !c.is_control() && self.text.len() + c.len_utf8() <= LIMIT {
            self.text.push(c);
        }
    }

    /// Takes the last character back.
    pub fn pop(&mut self) {
        self.text.pop();
    }

    /// Forgets all of it.
    pub fn clear(&mut self) {
        self.text.zeroize();
    }

    /// How many characters there are.
    pub fn len(&self) -> usize {
        self.text.chars().count()
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What was typed.
    pub fn password(&self) -> Password {
        // Made with the very length: a longer allocation would be copied into a shorter one.
        Password(SecretString::from(self.text.as_str()))
    }
}

impl Drop for HiddenLine {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

impl fmt::Debug for HiddenLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// A line of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Which registry.
    Registry,
    /// The user's name.
    User,
    /// The password.
    Password,
}

/// The form.
#[derive(Debug)]
pub struct LoginForm {
    /// Which registry, as it is typed.
    pub registry: Input,
    /// The user's name.
    pub user: Input,
    /// The password.
    pub password: HiddenLine,
    /// The line that has the keys.
    pub field: Field,
    /// The request that is being answered.
    pub checking: Option<u64>,
    /// What is wrong.
    pub error: Option<String>,
}

impl LoginForm {
    /// A form for a registry, as far as one is known, and the user's name that is expected there.
    pub fn new(registry: Option<&Registry>, user: &str) -> LoginForm {
        let field = match (registry, user) {
            (None, _) => Field::Registry,
            (Some(_), "") => Field::User,
            (Some(_), _) => Field::Password,
        };
        LoginForm {
            registry: Input::new(registry.map(Registry::to_string).unwrap_or_default()),
            user: Input::new(user.to_owned()),
            password: HiddenLine::default(),
            field,
            checking: None,
            error: None,
        }
    }

    /// The next line, or the one before.
    pub fn step(&mut self, forward: bool) {
        self.field = match (self.field, forward) {
            (Field::Registry, true) | (Field::Password, false) => Field::User,
            (Field::User, true) | (Field::Registry, false) => Field::Password,
            (Field::Password, true) | (Field::User, false) => Field::Registry,
        };
    }

    /// The line that has the keys, unless it is the password's.
    pub fn input(&mut self) -> Option<&mut Input> {
        match self.field {
            Field::Registry => Some(&mut self.registry),
            Field::User => Some(&mut self.user),
            Field::Password => None,
        }
    }
}

/// The registry that refused somebody, if that is what a failure tells: of those concerned, the first that it names.
pub fn refusing<'a>(failure: &Failure, at: impl IntoIterator<Item = &'a Location>) -> Option<Registry> {
    if failure.class != ErrorClass::Auth {
        return None;
    }
    let concerned: Vec<&Registry> =
        at.into_iter().filter_map(|location| Some(&location.as_registry()?.registry)).collect();
    let named =
        concerned.iter().filter_map(|registry| Some((failure.message.find(registry.as_str())?, *registry)));
    let first = named.min_by_key(|(at, registry)| (*at, std::cmp::Reverse(registry.as_str().len())));
    first.map(|(_, registry)| registry).or(concerned.last().copied()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_typed_and_not_seen() {
        let mut form = LoginForm::new(Some(&"h.io".parse().unwrap()), "me");
        for c in "hunter2\u{1b}3".chars() {
            form.password.push(c);
        }
        form.password.pop();
        assert_eq!((form.field, form.password.len()), (Field::Password, 7));
        let password = form.password.password();
        assert_eq!(password.0.expose_secret(), "hunter2");
        assert!(!format!("{form:?} {password:?}").contains("hunter"));
        for c in "x".repeat(2 * LIMIT).chars() {
            form.password.push(c);
        }
        assert_eq!((form.password.len(), form.password.text.capacity()), (LIMIT, LIMIT));
        form.password.clear();
        assert!(form.password.is_empty());
    }

    #[test]
    fn the_registry_that_refused_is_the_one_that_is_named() {
        let at: Vec<Location> =
            ["h.io/a:1", "h.io:5000/b:1", "store:c"].map(|text| text.parse().unwrap()).into();
        let failure =
            |class, message: &str| Failure { message: message.to_owned(), class, hint: None, exchange: None };
        let of = |failure: Failure| refusing(&failure, &at).map(|registry| registry.to_string());
        assert_eq!(of(failure(ErrorClass::Auth, "get manifest h.io/a:1: 401")).as_deref(), Some("h.io"));
        assert_eq!(
            of(failure(ErrorClass::Auth, "put h.io:5000/b:1: 401 h.io")).as_deref(),
            Some("h.io:5000")
        );
        assert_eq!(of(failure(ErrorClass::Auth, "401")).as_deref(), Some("h.io:5000"));
        assert_eq!(of(failure(ErrorClass::Network, "h.io: no route")), None);
    }
}
