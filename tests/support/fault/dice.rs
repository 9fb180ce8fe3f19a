//! Chance that can be repeated: a seed and its sequence of numbers (SplitMix64).

/// A source of numbers; the same seed gives the same ones.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Dice of their own for one thing among many, whatever was thrown elsewhere.
    pub fn of(seed: u64, parts: &[u64]) -> Dice {
        let mut dice = Dice(seed);
        for part in parts {
            dice = Dice(dice.next() ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93));
        }
        dice
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// Whether something of this probability comes to pass.
    pub fn chance(&mut self, probability: f64) -> bool {
        ((self.next() >> 11) as f64 / (1_u64 << 53) as f64) < probability
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// One of several, each with its weight.
    pub fn weighed<T>(&mut self, of: Vec<(u64, T)>) -> T {
        let mut at = self.below(of.iter().map(|(weight, _)| weight).sum());
        for (weight, item) in of {
            match at.checked_sub(weight) {
                Some(rest) => at = rest,
                None => return item,
            }
        }
        panic!("nothing to choose from")
    }

    /// A byte's offset: small ones as often as large ones, none above 2^18.
    pub fn offset(&mut self) -> u64 {
        let bits = self.below(19);
        self.below(1 << bits)
    }
}

mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same() {
        let throw = |seed| {
            let mut dice = Dice::of(seed, &[1, 2]);
            (0..20).map(|_| dice.below(6)).collect::<Vec<_>>()
        };
        assert_eq!(throw(7), throw(7));
        assert_ne!(throw(7), throw(8));
        let mut dice = Dice::new(1);
        let often = (0..1000).filter(|_| dice.chance(0.3)).count();
        assert!((230..370).contains(&often), "{often}");
        let heavy = (0..1000).filter(|_| dice.weighed(vec![(9, true), (1, false)])).count();
        assert!((850..950).contains(&heavy), "{heavy}");
    }
}
