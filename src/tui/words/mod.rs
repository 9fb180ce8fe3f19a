//! Every text of the UI, in each of its languages. No other file of the UI holds words that a person reads.
//!
//! A text is a method of [`Language`], made by one row of a `texts!` table: its name, what is filled in, the English,
//! the Chinese. `state.words.no_targets()` is a `&'static str`; with something to fill in it is a `String`, and the
//! compiler checks that both languages know what they name. One file a part of the screen.
//!
//! Not here: names that the field has (digests, references, states as the JSON has them), the text of errors (what
//! was attempted, on what, what came back) and the keys.

/// One row.
macro_rules! text {
    ($name:ident $en:literal $zh:literal) => {
        #[doc = concat!("“", $en, "”")]
        pub fn $name(self) -> &'static str {
            match self {
                Language::English => $en,
                Language::Chinese => $zh,
            }
        }
    };
    ($name:ident ($($arg:ident),+) $en:literal $zh:literal) => {
        #[doc = concat!("“", $en, "”")]
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
mod tests {
    use super::*;
    use crate::config::Language;

    /// Every table: a new file's goes here, too.
    const TABLES: [&[(&str, &str, &str)]; 13] = [
        actions::ROWS,
        advice::ROWS,
        browse::ROWS,
        chrome::ROWS,
        clipboard::ROWS,
        documents::ROWS,
        jobs::ROWS,
        logs::ROWS,
        panes::ROWS,
        processes::ROWS,
        queue::ROWS,
        upkeep::ROWS,
        welcome::ROWS,
    ];

    #[test]
    fn every_text_is_in_both_languages_and_fills_in_the_same() {
        for (name, en, zh) in TABLES.iter().copied().flatten() {
            let slots = |text: &str| {
                let mut slots: Vec<String> = text
                    .split('{')
                    .skip(1)
                    .filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()))
                    .collect();
                slots.sort();
                slots
            };
            assert_eq!(slots(en), slots(zh), "{name}");
            assert!(en.is_ascii(), "{name}: symbols come from symbols.rs: {en}");
            assert!(zh.chars().any(|c| c >= '\u{4e00}') || en == zh, "{name} is not translated: {zh}");
        }
    }

    #[test]
    fn a_text_is_filled_in() {
        let nothing = Language::English.nothing_started("S");
        assert_eq!(nothing, "nothing was started yet: S starts the queue");
        assert_eq!(Language::Chinese.nothing_started("S"), "尚未启动任何任务：按 S 启动队列");
    }
}
