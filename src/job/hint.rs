//! Advice as data: what a person can do about a failure. One table makes the variants, their English text (what the
//! command line prints and the ledger and JSON hold) and the way back from that text. Other languages, and keys that
//! mend, are a front end's own words for a variant.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The table: a variant, what is filled in, the English.
macro_rules! hints {
    ($($variant:ident $({ $arg:ident })? $template:literal)*) => {
        /// What a person can do about a failure. Its text is the English one.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum Hint {
            $(
                #[doc = concat!("“", $template, "”")]
                $variant $({
                    #[doc = concat!("The ", stringify!($arg), " that it names.")]
                    $arg: String,
                })?,
            )*
            /// Advice that is not of the table: another version's, or a command's own.
            Other(String),
            /// One piece of advice, and another.
            Then(Box<Hint>, Box<Hint>),
        }

        impl fmt::Display for Hint {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Hint::$variant $({ $arg })? => write!(f, $template),)*
                    Hint::Other(text) => f.write_str(text),
                    Hint::Then(one, two) => write!(f, "{one}\n{two}"),
                }
            }
        }

        /// The advice that a line is, by the table.
        #[allow(unused_variables)]
        fn recognised(line: &str) -> Option<Hint> {
            $(if let Some(found) = captured($template, line) {
                return Some(Hint::$variant $({ $arg: found.to_owned() })?);
            })*
            None
        }

        #[cfg(test)]
        impl Hint {
            /// One of each variant of the table, naming `what`.
            pub(crate) fn samples(what: &str) -> Vec<Hint> {
                vec![$(Hint::$variant $({ $arg: what.to_owned() })?),*]
            }
        }
    };
}

hints! {
    // Logins and what a registry allows.
    LogIn { host } "log in with `wharf login {host}`, or give --creds (for a copy --src-creds or --dest-creds)"
    Wait { host } "wait, or log in with `wharf login {host}`: registries allow more to those they know"
    CheckPassword "check the user name and the password (or token); nothing was stored"
    NoRegistry { host } "{host} is no registry's address; nothing was stored"
    CredentialFile "correct the file, or name another one with --authfile"
    CredentialHelper "`credsStore` and `credHelpers` in Docker's config.json name the helpers; --authfile does without"
    // Ways there.
    Reach { host } "check the name, and that {host} can be reached from here"
    ServerTrouble { host } "{host} has trouble of its own: try again later, or ask who runs it"
    Refuses { host } "who runs {host} knows why it refuses this"
    Tls { host } "set `tls:` for {host} in config.yaml (ca_file, cert_file, insecure or plain), or give --tls-verify=false (for a copy --src-tls-verify=false or --dest-tls-verify=false)"
    Proxy { host } "check `proxy:` of the entry for {host} in config.yaml, or HTTP_PROXY, HTTPS_PROXY and NO_PROXY in the environment (its user name and password stand in its URL)"
    Settings { host } "correct the entry for {host} in config.yaml, or the environment's proxy variables"
    Retries "`retries_per_job` in config.yaml allows more; what has arrived is not sent again"
    // What the other side has, takes and lacks.
    Tags { repository } "`wharf tags {repository}` lists what is there"
    Repositories { host } "check the name; `wharf repos {host}` lists what is there, if the registry tells"
    StoreImages "`wharf repos store:` lists what is there"
    EngineImages { engine } "`wharf repos docker-daemon:{engine}` lists what is there"
    NoCatalog { registry } "name a repository: `wharf tags {registry}/NAME` lists its tags"
    SearchHub "`wharf search WORD` finds repositories there, and `wharf tags NAME` lists one's tags"
    Lacking { host } "what lacked there was sent again, and {host} still says so: who runs it can look at its storage (does a garbage collection run?)"
    InTheWay { host } "who runs {host} knows what is in the way: a tag that may not be moved, for instance"
    NoSuchName { host } "{host} takes no such name: check the repository's path and the tag"
    NoDeletion { host } "who runs {host} can allow it (docker-registry: REGISTRY_STORAGE_DELETE_ENABLED=true), or delete it there"
    NoLocation { host } "does something in front of {host} take the header Location off its answers? who runs it can tell"
    // The image itself.
    Platforms "give --platform one of those, or none for all"
    Damaged "it is damaged where it lies or on its way; try again, or take the image from elsewhere"
    Schema1 "convert it first, with `skopeo copy --format v2s2`, or pull it with Docker and push it again (before 26, which no longer pulls it); then copy that"
    Format "leave --format out: it travels as it is then"
    // Files.
    Path { path } "check the path {path}"
    Directory "check the directory's owner, its rights and the free space"
    Staging "check the directory's rights and free space, or name another one: TMPDIR=DIRECTORY wharf …"
    Exists "choose another name, or replace it with --overwrite"
    BrokenPipe "the program that reads it ended before it had all: what it said tells why"
    // Container engines.
    EngineNotRunning "is the engine running there? DOCKER_HOST, a Docker context or an entry of type docker in config.yaml say where it is"
    EngineForbidden "is this user in the group docker (`sudo usermod -aG docker $USER`, then log in again)? a rootless engine needs DOCKER_HOST"
    EngineSsh { host } "`ssh {host} docker version` must work without a question: a key, a known host, docker there"
    EngineTls "check DOCKER_CERT_PATH and DOCKER_TLS_VERIFY, the context's certificates, or `tls:` of the entry in config.yaml"
    EngineUnknown "`docker context ls` lists contexts; an entry of type docker in config.yaml gives an engine a name"
    EngineBroken "try again; the engine's own log says more if it comes back"
    EngineFull "the engine's disk is full: `docker system df` shows what takes the room"
    EngineLog "the engine's own log says more"
    // wharf's own configuration and ledger.
    NotReadOnly "start wharf without --read-only, and without read_only: true in config.yaml"
    ForbiddenBy "`wharf config path` says which file forbids it"
    ConfigPath "`wharf config path` says which file it is"
    NewerLedger "use the newer wharf, or give this one another data directory"
    Resume "resume it: it goes on where it was"
    OtherWharf "let the other wharf finish (or end it), then start again"
    ForeignLedger { path } "move {path} out of the way"
    LedgerBusy "another process holds the ledger; try again"
    LedgerFull "make room on the disk that holds the ledger"
}

impl Hint {
    /// This, and something more.
    pub fn then(self, more: Hint) -> Hint {
        Hint::Then(Box::new(self), Box::new(more))
    }
}

/// What stands in a line where the template has a name in braces, or nothing where it has none; `None` if the line is
/// not the template's.
fn captured<'a>(template: &str, line: &'a str) -> Option<&'a str> {
    let Some((before, rest)) = template.split_once('{') else { return (template == line).then_some("") };
    let (_, after) = rest.split_once('}')?;
    line.strip_prefix(before)?.strip_suffix(after)
}

impl From<&str> for Hint {
    /// The advice that a text is. What the table does not know is kept as it is.
    fn from(text: &str) -> Hint {
        let one = |line: &str| recognised(line).unwrap_or_else(|| Hint::Other(line.to_owned()));
        match text.rsplit_once('\n') {
            Some((first, last)) => Hint::from(first).then(one(last)),
            None => one(text),
        }
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Hint {
        Hint::from(text.as_str())
    }
}

impl Serialize for Hint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hint, D::Error> {
        String::deserialize(deserializer).map(Hint::from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_text_is_recognised_again() {
        for what in ["ghcr.io", "h.io:5000", "//build", "/var/lib/a b/ledger.db", ""] {
            for hint in Hint::samples(what) {
                assert_eq!(Hint::from(hint.to_string()), hint);
                let both = hint.clone().then(Hint::Retries);
                assert_eq!(Hint::from(both.to_string()), both);
                let json = serde_json::to_string(&both).unwrap();
                assert_eq!(json, serde_json::to_string(&both.to_string()).unwrap());
                assert_eq!(serde_json::from_str::<Hint>(&json).unwrap(), both);
            }
        }
    }

    #[test]
    fn no_two_texts_are_the_same() {
        let texts: std::collections::HashSet<String> =
            Hint::samples("h.io").iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), Hint::samples("h.io").len());
    }

    proptest! {
        #[test]
        fn whatever_is_named_the_text_stays(what in "\\PC{0,40}", n in 0..1000_usize, line in "[ -~\n]{0,60}") {
            let samples = Hint::samples(&what);
            let text = samples[n % samples.len()].to_string();
            prop_assert_eq!(Hint::from(text.as_str()).to_string(), text);
            prop_assert_eq!(Hint::from(line.as_str()).to_string(), line);
        }
    }
}
