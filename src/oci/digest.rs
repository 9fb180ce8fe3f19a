//! Content digests (`sha256:…`) and the hasher that makes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// A content digest, `algorithm:hex`, as in the OCI image specification, section "Digests".
///
/// Only algorithms that wharf can verify exist as values: sha256 and sha512.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(String);

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// No `algorithm:` in front, or nothing behind it.
    #[error("a digest is written algorithm:hex, as in sha256:9f2c…; this is not: {text}")]
    Form {
        /// What was given, cut to a readable length.
        text: String,
    },
    /// An algorithm that wharf cannot verify.
    #[error("digest algorithm {algorithm} is not supported (sha256 and sha512 are)")]
    Algorithm {
        /// The algorithm's name.
        algorithm: String,
    },
    /// Not lower-case hex of the algorithm's length.
    #[error("a {algorithm} digest has {expected} lower-case hex digits; this has {found}")]
    Hex {
        /// The algorithm's name.
        algorithm: String,
        /// Hex digits that the algorithm needs.
        expected: usize,
        /// What was found: a count, or "other characters".
        found: String,
    },
}

impl Digest {
    /// The sha256 digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(format!("sha256:{}", hex(&sha2::Sha256::digest(bytes))))
    }

    /// The whole digest, `algorithm:hex`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `sha256` or `sha512`.
    pub fn algorithm(&self) -> &str {
        self.0.split_once(':').map_or("", |(algorithm, _)| algorithm)
    }

    /// The hex digits behind the colon.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// The first `n` hex digits, for columns and file names.
    pub fn short(&self, n: usize) -> &str {
        let hex = self.hex();
        &hex[..n.min(hex.len())]
    }

    /// A hasher of this digest's algorithm, to verify content with.
    pub fn hasher(&self) -> Hasher {
        match self.algorithm() {
            "sha512" => Hasher(Inner::Sha512(Box::default())),
            _ => Hasher(Inner::Sha256(sha2::Sha256::new())),
        }
    }

    /// Whether `bytes` hash to this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        hasher.finish() == *self
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Digest, DigestError> {
        let form = || DigestError::Form { text: super::printable(text, 80) };
        let (algorithm, hex) = text.split_once(':').ok_or_else(form)?;
        if algorithm.is_empty()
            || hex.is_empty()
            || !algorithm.chars().all(|c| c.is_ascii_alphanumeric() || "+._-".contains(c))
        {
            return Err(form());
        }
        let expected = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ => return Err(DigestError::Algorithm { algorithm: super::printable(algorithm, 40) }),
        };
        let plain = hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !plain || hex.len() != expected {
            let found = if plain { hex.len().to_string() } else { "other characters".to_owned() };
            return Err(DigestError::Hex { algorithm: algorithm.to_owned(), expected, found });
        }
        Ok(Digest(text.to_owned()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Hashes a stream piece by piece; `finish` gives the digest of all of it.
#[derive(Clone)]
pub struct Hasher(Inner);

#[derive(Clone)]
enum Inner {
    Sha256(sha2::Sha256),
    // Boxed: four times the size of the other.
    Sha512(Box<sha2::Sha512>),
}

impl Hasher {
    /// A sha256 hasher, the algorithm for everything that wharf makes itself.
    pub fn sha256() -> Hasher {
        Hasher(Inner::Sha256(sha2::Sha256::new()))
    }

    /// Adds `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Inner::Sha256(h) => h.update(bytes),
            Inner::Sha512(h) => h.update(bytes),
        }
    }

    /// The digest of everything added.
    pub fn finish(self) -> Digest {
        match self.0 {
            Inner::Sha256(h) => Digest(format!("sha256:{}", hex(&h.finalize()))),
            Inner::Sha512(h) => Digest(format!("sha512:{}", hex(&h.finalize()))),
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn digests_are_computed_and_parsed() {
        assert_eq!(Digest::of(b"").as_str(), EMPTY);
        let digest: Digest = EMPTY.parse().unwrap();
        assert_eq!((digest.algorithm(), digest.short(12)), ("sha256", "e3b0c44298fc"));
        assert!(digest.matches(b"") && !digest.matches(b"x"));
        let long: Digest = format!("sha512:{}", "0".repeat(128)).parse().unwrap();
        assert!(!long.matches(b""));
    }

    #[test]
    fn what_is_no_digest_is_refused_with_the_reason() {
        for text in ["", "sha256", "sha256:", ":abc", "a b:cd"] {
            assert!(matches!(text.parse::<Digest>(), Err(DigestError::Form { .. })), "{text}");
        }
        assert!(matches!(
            "md5:d41d8cd98f00b204e9800998ecf8427e".parse::<Digest>(),
            Err(DigestError::Algorithm { .. })
        ));
        for text in
            ["sha256:abc".to_owned(), EMPTY.to_uppercase().replace("SHA256", "sha256"), format!("{EMPTY}0")]
        {
            assert!(matches!(text.parse::<Digest>(), Err(DigestError::Hex { .. })), "{text}");
        }
    }
}
