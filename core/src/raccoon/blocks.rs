//! The texts of a turn's blocks, out of their frames. Pure.
//!
//! Whether a frame adds to its block or repeats it and says more is not
//! documented (docs/spec/raccoon.md, section 5.6). One turn's frames do the same
//! throughout: they repeat only if each begins with the one before it in its
//! block, and one of them says more. Where both readings are possible the
//! history can settle it.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, VecDeque};

use super::models::TextMode;
use crate::event::Event;
use crate::meaning;

/// Most places in a text that are followed at once: what repeats itself more
/// often cannot be told apart.
const MOST_PLACES: usize = 64;

/// Texts in the order in which they began.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Blocks {
    list: Vec<Block>,
    /// Where the newest block of an id is.
    newest: HashMap<String, usize>,
    /// Which block each frame is of, as they came.
    order: Vec<usize>,
    /// A block went on after a later one had begun.
    interleaved: bool,
}

/// One block: what its frames said.
#[derive(Debug, Clone, Default, PartialEq)]
struct Block {
    frames: Frames,
    /// Its last frame may repeat all that was said.
    ambiguous: bool,
    finished: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Frames {
    /// Each begins with the one before: the last one, and how long each was.
    Growing { last: String, lengths: Vec<usize> },
    /// All of them, one after another, and where each ends.
    Parts { text: String, ends: Vec<usize> },
}

impl Default for Frames {
    fn default() -> Self {
        Self::Growing {
            last: String::new(),
            lengths: Vec::new(),
        }
    }
}

impl Blocks {
    /// Adds what an event says in this field of its payload.
    pub(super) fn add(&mut self, event: &Event, field: &str) {
        let (mut said, mut last) = (None, None);
        let read = meaning::each_member(event.raw_data(), |name, value| match &*name.read() {
            known if known == field => said = Some(value),
            "finalize" => last = Some(value),
            _ => {}
        });
        if let (Some(()), Some(text)) = (read, said.and_then(text_of)) {
            let id = event.block_id().unwrap_or_default();
            self.add_text(&id, &text, last == Some("true"));
        }
    }

    fn add_text(&mut self, id: &str, text: &str, finished: bool) {
        let at = match self.newest.get(id) {
            Some(at) if !self.list[*at].finished => *at,
            _ => {
                self.newest.insert(id.to_owned(), self.list.len());
                self.list.push(Block::default());
                self.list.len() - 1
            }
        };
        self.list[at].add(text, finished);
        if !text.is_empty() {
            self.interleaved |= at + 1 < self.list.len();
            self.order.push(at);
        }
    }

    /// Whether the frames give another text in the order in which they came than block
    /// by block.
    pub(super) fn is_interleaved(&self, mode: TextMode) -> bool {
        self.interleaved && self.by_time(self.repeat(mode)) != self.read(mode)
    }

    /// Whether the frames give this text in the order in which they came.
    pub(super) fn can_be_by_time(&self, whole: &str, mode: TextMode) -> bool {
        let readings = match mode {
            TextMode::Delta => &[false][..],
            TextMode::Cumulative => &[true],
            TextMode::Auto => &[false, true],
        };
        let mut readings = readings.iter();
        self.interleaved && readings.any(|repeat| self.by_time(*repeat) == whole)
    }

    /// What each frame adds, in the order in which they came.
    fn by_time(&self, repeat: bool) -> String {
        let mut blocks = Vec::with_capacity(self.list.len());
        blocks.extend(self.list.iter().map(|block| block.added(repeat)));
        let frames = self.order.iter();
        frames.filter_map(|at| blocks[*at].pop_front()).collect()
    }

    /// All blocks.
    pub(super) fn read(&self, mode: TextMode) -> String {
        let repeat = self.repeat(mode);
        self.list.iter().map(|block| block.read(repeat)).collect()
    }

    /// The newest block of this id.
    pub(super) fn block(&self, id: &str, mode: TextMode) -> Option<String> {
        let at = self.newest.get(id)?;
        Some(self.list[*at].read(self.repeat(mode)))
    }

    /// Whether the frames are read as repeating their block.
    fn repeat(&self, mode: TextMode) -> bool {
        match mode {
            TextMode::Delta => false,
            TextMode::Cumulative => true,
            TextMode::Auto => {
                let mut frames = self.list.iter().map(|block| &block.frames);
                frames.clone().all(Frames::begin_alike) && frames.any(Frames::grew)
            }
        }
    }

    /// Whether another reading gives another text.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.list.iter().any(|block| block.ambiguous)
    }

    /// Whether some reading of the frames gives this text, each frame adding to
    /// its block or repeating it.
    pub(super) fn can_be(&self, whole: &str) -> bool {
        let mut places = BTreeSet::from([0]);
        for block in &self.list {
            let ends = places
                .iter()
                .flat_map(|start| block.ends_in(&whole[*start..], *start));
            places = ends.take(MOST_PLACES).collect();
        }
        places.contains(&whole.len())
    }
}

impl Block {
    fn add(&mut self, text: &str, finished: bool) {
        self.finished = finished;
        if text.is_empty() {
            return;
        }
        self.ambiguous |= match &self.frames {
            Frames::Growing { last, .. } => !last.is_empty() && text.starts_with(last),
            Frames::Parts { text: all, .. } => text.starts_with(all),
        };
        self.frames.add(text);
    }

    fn read(&self, repeat: bool) -> String {
        match &self.frames {
            Frames::Growing { last, .. } if repeat => last.clone(),
            Frames::Growing { .. } => self.frames.iter().collect(),
            Frames::Parts { text, ends } => {
                let last = ends.len().checked_sub(2).map_or(0, |before| ends[before]);
                // A block is often finished with the whole of it.
                let whole = self.finished && text[last..].starts_with(&text[..last]);
                text[if repeat || whole { last } else { 0 }..].to_owned()
            }
        }
    }

    /// What each frame adds to the block.
    fn added(&self, repeat: bool) -> VecDeque<&str> {
        let mut before = 0;
        let frames = self.frames.iter().map(|frame| {
            let known = if repeat { before } else { 0 };
            before = frame.len();
            frame.get(known..).unwrap_or(frame)
        });
        frames.collect()
    }

    /// Where this block may end in a text that begins with it; `start` is added.
    fn ends_in(&self, text: &str, start: usize) -> Vec<usize> {
        let mut lengths = BTreeSet::from([0]);
        for frame in self.frames.iter() {
            let repeats = text.starts_with(frame);
            let next: BTreeSet<usize> = lengths
                .iter()
                .flat_map(|length| {
                    let added = text[*length..]
                        .starts_with(frame)
                        .then_some(length + frame.len());
                    let repeated = (repeats && frame.len() >= *length).then_some(frame.len());
                    added.into_iter().chain(repeated)
                })
                .collect();
            if next.len() > MOST_PLACES {
                return Vec::new();
            }
            lengths = next;
        }
        lengths.into_iter().map(|length| start + length).collect()
    }
}

impl Frames {
    fn add(&mut self, frame: &str) {
        match self {
            Self::Growing { last, lengths } if frame.starts_with(last.as_str()) => {
                last.replace_range(.., frame);
                lengths.push(frame.len());
            }
            Self::Growing { .. } => {
                let mut text = String::new();
                let mut ends = Vec::new();
                for part in self.iter().chain([frame]) {
                    text.push_str(part);
                    ends.push(text.len());
                }
                *self = Self::Parts { text, ends };
            }
            Self::Parts { text, ends } => {
                text.push_str(frame);
                ends.push(text.len());
            }
        }
    }

    /// Each frame's text.
    fn iter(&self) -> impl Iterator<Item = &str> {
        let (text, ends, adds) = match self {
            Self::Growing { last, lengths } => (last, lengths, false),
            Self::Parts { text, ends } => (text, ends, true),
        };
        ends.iter().enumerate().map(move |(at, end)| {
            let before = at.checked_sub(1).filter(|_| adds);
            &text[before.map_or(0, |before| ends[before])..*end]
        })
    }

    /// Whether each begins with the one before.
    fn begin_alike(&self) -> bool {
        matches!(self, Self::Growing { .. })
    }

    /// Whether one of them says more than the one before.
    fn grew(&self) -> bool {
        matches!(self, Self::Growing { lengths, .. } if lengths.first() < lengths.last())
    }
}

/// A text, also one that stands for a number that 64 bits cannot hold.
fn text_of(json: &str) -> Option<Cow<'_, str>> {
    if let Some(text) = meaning::unquoted(json) {
        return Some(text);
    }
    match meaning::value(json)? {
        serde_json::Value::String(text) => Some(Cow::Owned(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(frames: &[(&str, &str, bool)]) -> Blocks {
        let mut blocks = Blocks::default();
        for (id, text, finished) in frames {
            blocks.add_text(id, text, *finished);
        }
        blocks
    }

    #[test]
    fn frames_add_unless_all_of_them_repeat() {
        for (parts, whole, open) in [
            (&["Five", " bullets"][..], "Five bullets", false),
            (&["Five", "Five bullets"], "Five bullets", true),
            (&["1", "1", "0 EUR"], "110 EUR", true),
            (&["ha", "ha", "!"], "haha!", true),
            (&["ha", "ha"], "haha", true),
            (&["", "a", ""], "a", false),
            (&["a", "b", "c"], "abc", false),
            (&["a", "b", "abc"], "ababc", true),
            (&["a", "ab", "c", "d"], "aabcd", true),
            (&["a", "ab", "ab", "abc"], "abc", true),
        ] {
            let frames: Vec<_> = parts.iter().map(|part| ("a", *part, false)).collect();
            let blocks = of(&frames);
            assert_eq!(blocks.read(TextMode::Auto), whole, "{parts:?}");
            assert_eq!(blocks.is_ambiguous(), open, "{parts:?}");
            assert_eq!(blocks.read(TextMode::Delta), parts.concat(), "{parts:?}");
        }
    }

    #[test]
    fn one_block_that_adds_decides_for_the_others() {
        let frames = [("a", "1", false), ("a", "10", false), ("b", "x", false)];
        assert_eq!(of(&frames).read(TextMode::Auto), "10x");
        let adds = [&frames[..], &[("b", "y", false)]].concat();
        assert_eq!(of(&adds).read(TextMode::Auto), "110xy");
    }

    #[test]
    fn a_block_is_often_finished_with_the_whole_of_it() {
        let blocks = of(&[
            ("a", "a", false),
            ("a", "b", false),
            ("a", "abc", true),
            ("a", "d", false),
        ]);
        assert_eq!(blocks.read(TextMode::Auto), "abcd");
        assert_eq!(blocks.block("a", TextMode::Auto).as_deref(), Some("d"));
    }

    /// Any mix of frames that add and frames that repeat: what is not the truth
    /// at once is known to be open, and the truth settles it.
    #[test]
    fn no_sequence_of_frames_is_read_wrongly_for_sure() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for round in 0..100_000 {
            let mut blocks = Blocks::default();
            let mut truth: Vec<(String, String)> = Vec::new();
            let style = random.below(3);
            for _ in 0..random.below(8) {
                let id = format!("text:{}", random.below(2));
                let at = truth
                    .iter()
                    .position(|(known, _)| *known == id)
                    .unwrap_or_else(|| {
                        truth.push((id.clone(), String::new()));
                        truth.len() - 1
                    });
                let part: String = (0..random.below(3))
                    .map(|_| ['a', 'b', 'é'][random.below(3)])
                    .collect();
                let text = &mut truth[at].1;
                let adds = style == 0 || (style == 2 && random.below(2) == 0);
                text.push_str(&part);
                let frame = if adds { part } else { text.clone() };
                blocks.add_text(&id, &frame, false);
                if random.below(4) == 0 && !adds {
                    blocks.add_text(&truth[at].0, &frame, false);
                }
            }
            let whole: String = truth.iter().map(|(_, text)| text.as_str()).collect();
            let read = blocks.read(TextMode::Auto);
            assert!(
                read == whole || blocks.is_ambiguous(),
                "round {round}: {blocks:?}"
            );
            assert!(
                blocks.can_be(&whole),
                "round {round}: {blocks:?} can be {whole}"
            );
            let other = format!("{whole}x");
            assert!(
                !blocks.can_be(&other),
                "round {round}: {blocks:?} cannot be {other}"
            );
        }
    }

    #[test]
    fn blocks_that_go_on_beside_others_have_two_orders() {
        for (frames, mode, by_time) in [
            (
                &[("a", "A1"), ("b", "B1"), ("a", "A2")][..],
                TextMode::Auto,
                Some("A1B1A2"),
            ),
            (
                &[("a", "1"), ("b", "x"), ("a", "10"), ("b", "xy")],
                TextMode::Cumulative,
                Some("1x0y"),
            ),
            (
                &[("a", "1"), ("b", "x"), ("a", "10"), ("b", "xy")],
                TextMode::Auto,
                Some("1x10xy"),
            ),
            (
                &[("a", "A1"), ("a", "A2"), ("b", "B1")],
                TextMode::Auto,
                None,
            ),
            (&[("a", "A1"), ("b", "B1"), ("a", "")], TextMode::Auto, None),
            (&[("a", "x"), ("b", "x"), ("a", "x")], TextMode::Delta, None),
        ] {
            let frames: Vec<_> = frames
                .iter()
                .map(|(id, text)| (*id, *text, false))
                .collect();
            let blocks = of(&frames);
            assert_eq!(blocks.is_interleaved(mode), by_time.is_some(), "{frames:?}");
            if let Some(by_time) = by_time {
                assert!(blocks.can_be_by_time(by_time, mode), "{frames:?}");
                assert!(!blocks.can_be_by_time("A1", mode));
            }
        }
    }

    #[test]
    fn what_repeats_itself_endlessly_ends() {
        let frames: Vec<_> = (0..2_000).map(|_| ("a", "aa", false)).collect();
        let blocks = of(&frames);
        assert!(!blocks.can_be(&"a".repeat(4_001)));
        assert_eq!(blocks.read(TextMode::Auto).len(), 4_000);
    }

    /// A generator that is the same everywhere.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 33) as usize % limit
        }
    }
}
