//! Every text of the UI, in each of its languages. No other file of the UI holds words that a person reads.
//!
//! A text is a method of [`crate::config::Language`], made by one row of a `texts!` table: its name, what is filled in, the English,
//! the Chinese. `state.words.no_targets()` is a `&'static str`; with something to fill in it is a `String`, and the
//! compiler checks that both languages know what they name. One file a part of the screen.
//!
//! Not here: names that the field has (digests, references, states as the JSON has them), the text of errors (what
//! was attempted, on what, what came back) and the keys.

/// One row.
macro_rules! text {
    ($name:ident $en:literal $zh:literal) => {
        #[doc = concat!("```text\n", $en, "\n```")]
        pub fn $name(self) -> &'static str {
            match self {
                Language::English => $en,
                Language::Chinese => $zh,
            }
        }
    };
    ($name:ident ($($arg:ident),+) $en:literal $zh:literal) => {
        #[doc = concat!("```text\n", $en, "\n```")]
        pub fn $name(self, $($arg: impl std::fmt::Display),+) -> String {
            match self {
                Language::English => format!($en),
                Language::Chinese => format!($zh),
            }
        }
    };
}

/// A table of texts, see the module.
macro_rules! texts {
    ($($name:ident $(($($arg:ident),+))? $en:literal $zh:literal)*) => {
        #[allow(missing_docs)]
        impl Language {
            $(text! { $name $(($($arg),+))? $en $zh })*
        }

        /// Every row: name, English, Chinese.
        #[cfg(test)]
        pub(super) const ROWS: &[(&str, &str, &str)] = &[$((stringify!($name), $en, $zh)),*];
    };
}

mod actions;
mod advice;
mod browse;
mod chrome;
mod clipboard;
mod documents;
mod jobs;
mod logs;
mod panes;
mod processes;
mod queue;
mod upkeep;
mod welcome;

#[cfg(test)]
mod tests;
