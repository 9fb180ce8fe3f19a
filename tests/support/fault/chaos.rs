//! Faults by chance: every request may meet one, whichever suits it. A seed decides, by a request's number among those
//! of its method and kind, so that the same seed does the same as far as the requests come in the same order.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::dice::Dice;
use super::proxy::Seen;
use super::rule::{Fault, Kind};

/// How bad it is, as probabilities for each request.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// Of a fault that patience or another way mends.
    pub rough: f64,
    /// Of one that nothing mends: a refusal, wrong bytes.
    pub fatal: f64,
}

/// Chance, for one proxy.
#[derive(Debug)]
pub struct Chaos {
    seed: u64,
    weather: Weather,
    counts: Mutex<BTreeMap<(String, Kind), u64>>,
    happened: Mutex<Vec<String>>,
}

impl Chaos {
    pub fn new(seed: u64, weather: Weather) -> Chaos {
        Chaos { seed, weather, counts: Mutex::default(), happened: Mutex::default() }
    }

    /// What happened so far, a line each.
    pub fn happened(&self) -> Vec<String> {
        self.happened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The fault that befalls this request, if one does; counts the request.
    pub(super) fn befalls(&self, seen: &Seen) -> Option<Fault> {
        let n = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let n = counts.entry((seen.method.clone(), seen.kind)).or_default();
            *n += 1;
            *n
        };
        let method = seen.method.bytes().fold(0, |sum, byte| sum * 31 + u64::from(byte));
        let mut dice = Dice::of(self.seed, &[method, seen.kind as u64, n]);
        let fault = match () {
            () if dice.chance(self.weather.fatal) => dice.clone().weighed(fatal(seen, &mut dice)),
            () if dice.chance(self.weather.rough) => dice.clone().weighed(rough(seen, &mut dice)),
            () => return None,
        };
        let line = format!("{} {} ({}): {fault:?}", seen.method, seen.uri, n);
        self.happened.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        Some(fault)
    }
}

/// What can befall a request and be mended, with weights.
fn rough(seen: &Seen, dice: &mut Dice) -> Vec<(u64, Fault)> {
    let broken = *dice.pick(&[500, 502, 503]);
    let mut all = vec![
        (3, Fault::Drop),
        (3, Fault::LoseAnswer),
        (2, Fault::Status(broken)),
        (2, Fault::StatusAfterBody(broken)),
        (2, Fault::StatusInstead(broken)),
        (3, Fault::TooManyRequests(0)),
        (1, Fault::TooManyRequests(1)),
        (1, Fault::Hang),
        (1, Fault::GarbageError(broken)),
        (1, Fault::HugeError(broken)),
        (2, Fault::DuplicateHeaders),
        (2, Fault::Challenge),
    ];
    let slow = Fault::Trickle(1 << dice.below(5).max(2), Duration::from_millis(1));
    let slow = match seen.kind {
        Kind::Blob | Kind::Redirected => Fault::Trickle(8 << 10, Duration::from_millis(2)),
        _ => slow,
    };
    all.extend(match (seen.method.as_str(), seen.kind) {
        ("GET", Kind::Blob | Kind::Redirected) => vec![
            (6, Fault::CutResponse(dice.offset())),
            (2, Fault::Shorten(1 + dice.offset())),
            (2, slow),
            (2, Fault::StripHeader("content-length")),
            (if seen.range.is_some() { 9 } else { 0 }, Fault::IgnoreRange),
            (if seen.kind == Kind::Blob { 3 } else { 0 }, Fault::Redirect),
        ],
        ("GET", Kind::Manifest) => vec![
            (3, Fault::CutResponse(dice.below(600))),
            (2, slow),
            (2, Fault::StripHeader("content-length")),
            (3, Fault::StripDigest),
        ],
        ("HEAD", _) => vec![(3, Fault::StripDigest), (3, Fault::StripHeader("content-length"))],
        ("PUT", Kind::Manifest) => {
            vec![(3, Fault::CutRequest(dice.below(600))), (3, Fault::StripDigest), (3, Fault::BlobUnknown)]
        }
        ("POST", Kind::Upload) => vec![
            (3, Fault::RelativeLocation),
            (3, Fault::AbsoluteLocation),
            (3, Fault::LocationQuery),
            (2, Fault::MinChunk(*dice.pick(&[1, 1000, 300_000]))),
            (if seen.uri.contains("mount=") { 6 } else { 0 }, Fault::RefuseMount),
            (if seen.uri.contains("mount=") { 6 } else { 0 }, Fault::Status(*dice.pick(&[400, 404, 405]))),
        ],
        ("PUT", Kind::Upload) => vec![
            (6, Fault::CutRequest(dice.offset())),
            (3, Fault::SessionLost),
            (2, Fault::TooLarge(*dice.pick(&[0, 300_000]))),
            (1, Fault::GarbageError(*dice.pick(&[404, 405, 411, 501]))),
        ],
        ("PATCH", Kind::Upload) => vec![
            (6, Fault::CutRequest(dice.offset())),
            (3, Fault::SessionLost),
            (3, Fault::Status(416)),
            (2, Fault::TooLarge(300_000)),
        ],
        _ => Vec::new(),
    });
    all
}

/// What can befall a request and is the end of it, with weights. Bytes that nothing vouches for are not among it: a tag's
/// manifest whose digest the registry does not name cannot be told from another one.
fn fatal(seen: &Seen, dice: &mut Dice) -> Vec<(u64, Fault)> {
    let mut all = vec![
        (1, Fault::Status(400)),
        (2, Fault::Status(401)),
        (2, Fault::Status(403)),
        (2, Fault::Status(404)),
        (1, Fault::GarbageError(403)),
        (1, Fault::HugeError(404)),
    ];
    // There it is the answer of who lists none.
    if seen.kind == Kind::Referrers {
        all.retain(|(_, fault)| !matches!(fault, Fault::Status(400 | 404) | Fault::HugeError(404)));
    }
    all.extend(match (seen.method.as_str(), seen.kind) {
        ("GET", Kind::Blob | Kind::Redirected) => vec![
            (6, Fault::Flip(dice.offset())),
            (2, Fault::Garble),
            (2, Fault::Lengthen(1 + dice.offset())),
            (if seen.range.is_some() { 9 } else { 0 }, Fault::WrongRange(1 + dice.offset())),
        ],
        ("GET", Kind::Manifest) => vec![
            (4, Fault::Flip(dice.below(500))),
            (1, Fault::Garble),
            (3, Fault::Shorten(1 + dice.below(500))),
            (3, Fault::Lengthen(1 + dice.below(500))),
            (4, Fault::WrongDigest),
        ],
        ("HEAD" | "PUT", Kind::Manifest) | ("PUT", Kind::Upload) => vec![(4, Fault::WrongDigest)],
        ("POST", Kind::Upload) => vec![(3, Fault::StripHeader("location"))],
        _ => Vec::new(),
    });
    all
}

mod tests {
    use super::*;

    #[test]
    fn the_same_seed_does_the_same() {
        let seen = |method: &str, kind, uri: &str| Seen {
            method: method.to_owned(),
            kind,
            uri: uri.to_owned(),
            authorized: false,
            range: None,
        };
        let requests = [
            seen("GET", Kind::Blob, "/v2/a/blobs/x"),
            seen("PUT", Kind::Upload, "/v2/a/blobs/uploads/1"),
            seen("PUT", Kind::Manifest, "/v2/a/manifests/1"),
        ];
        let sail = |seed| {
            let chaos = Chaos::new(seed, Weather { rough: 0.3, fatal: 0.1 });
            let all = (0..200).flat_map(|_| requests.iter().map(|seen| chaos.befalls(seen)));
            (all.collect::<Vec<_>>(), chaos.happened())
        };
        let (faults, lines) = sail(1);
        assert_eq!((&faults, &lines), (&sail(1).0, &sail(1).1));
        assert_ne!(faults, sail(2).0);
        assert!((160..280).contains(&lines.len()), "{} of 600", lines.len());
    }
}
