//! Draws that are the same for the same seed, whatever else runs beside them.

/// A source of draws. What it gives depends on the seed and on the words it was made with, and on nothing else: not on the
/// order in which tasks run.
#[derive(Debug, Clone)]
pub(crate) struct Draws(u64);

impl Draws {
    /// `about` says what it is for: the same words give the same draws.
    pub(crate) fn new(seed: u64, about: &[&str]) -> Self {
        // FNV-1a, with the length before each word.
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |bytes: &[u8]| {
            for byte in bytes {
                state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        add(&seed.to_le_bytes());
        for word in about {
            add(&(word.len() as u64).to_le_bytes());
            add(word.as_bytes());
        }
        Self(state)
    }

    /// From 0 to 1, 1 not included.
    pub(crate) fn draw(&mut self) -> f64 {
        // SplitMix64, and its upper 53 bits.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The place of one of these weights, the heavier the likelier.
    pub(crate) fn choose(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let mut left = self.draw() * weights.clone().sum::<f64>();
        let mut last = 0;
        for (index, weight) in weights.enumerate() {
            last = index;
            if left < weight {
                break;
            }
            left -= weight;
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_draw_the_same_and_others_do_not() {
        let draws = |seed, about: &[&str]| -> Vec<f64> {
            let mut draws = Draws::new(seed, about);
            (0..4).map(|_| draws.draw()).collect()
        };
        assert_eq!(draws(1, &["a", "b"]), draws(1, &["a", "b"]));
        assert_ne!(draws(1, &["a", "b"]), draws(2, &["a", "b"]));
        assert_ne!(draws(1, &["a", "b"]), draws(1, &["ab"]));
    }

    #[test]
    fn weights_are_kept() {
        let chosen = |index: &u64| {
            let mut draws = Draws::new(7, &[&index.to_string()]);
            draws.choose([1.0, 3.0].into_iter()) == 1
        };
        let heavy = (0..4000).filter(chosen).count();
        assert!((2900..3100).contains(&heavy), "{heavy}");
    }
}
