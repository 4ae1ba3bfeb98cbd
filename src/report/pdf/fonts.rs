//! Fonts: which face has a character, how wide it is, and the runs a line is drawn in.
//!
//! Latin, Greek, Cyrillic and Chinese need no shaping: a character is a glyph, and a line is its
//! characters side by side.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use krilla::Data;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

use super::super::ReportError;

static REGULAR: &[u8] = include_bytes!("fonts/Inter-Regular.otf");
static BOLD: &[u8] = include_bytes!("fonts/Inter-SemiBold.otf");
static MONO: &[u8] = include_bytes!("fonts/NotoSansMono-Regular.ttf");
static CHINESE: &[u8] = include_bytes!("fonts/DroidSansFallback-GB2312.ttf");

/// What is drawn for a character no face has.
const STAND_IN: char = '□';

/// The cut of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Cut {
    /// Running text.
    Regular,
    /// Names and headings.
    Bold,
    /// What a machine said, or is to be told.
    Mono,
}

/// The bytes of a face: built in, or given by the person who renders.
enum Source {
    BuiltIn(&'static [u8]),
    Given(Arc<Vec<u8>>),
}

impl Source {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::BuiltIn(bytes) => bytes,
            Self::Given(bytes) => bytes,
        }
    }
}

struct Face {
    font: Font,
    source: Source,
}

/// Where a character is found.
#[derive(Clone, Copy)]
struct Found {
    face: usize,
    glyph: u32,
    /// In parts of the font's size.
    advance: f32,
}

/// All faces, in the order they are asked for a character.
pub(super) struct Faces {
    all: Vec<Face>,
    known: RefCell<HashMap<(Cut, char), Found>>,
    missing: RefCell<BTreeSet<char>>,
}

/// A stretch of text in one face.
pub(super) struct Run {
    pub(super) font: Font,
    pub(super) text: String,
    pub(super) glyphs: Vec<KrillaGlyph>,
    /// In parts of the font's size.
    pub(super) advance: f32,
}

impl Faces {
    /// The built-in faces, then the given ones.
    pub(super) fn new(given: &[Arc<Vec<u8>>]) -> Result<Self, ReportError> {
        let mut all = Vec::new();
        for bytes in [REGULAR, BOLD, MONO, CHINESE] {
            let font = Font::new(Data::from(bytes), 0);
            let font = font.expect("the built-in fonts are fonts");
            all.push(Face { font, source: Source::BuiltIn(bytes) });
        }
        for bytes in given {
            let font = Font::new(Data::from(Arc::clone(bytes)), 0).ok_or(ReportError::Font)?;
            all.push(Face { font, source: Source::Given(Arc::clone(bytes)) });
        }
        Ok(Self { all, known: RefCell::default(), missing: RefCell::default() })
    }

    /// The width of a text at a size, in points.
    pub(super) fn width(&self, cut: Cut, size: f32, text: &str) -> f32 {
        text.chars().map(|c| self.find(cut, c).advance).sum::<f32>() * size
    }

    /// A line as runs of one face each.
    pub(super) fn runs(&self, cut: Cut, text: &str) -> Vec<Run> {
        let mut runs: Vec<(usize, Run)> = Vec::new();
        for c in text.chars() {
            let found = self.find(cut, c);
            if runs.last().is_none_or(|(face, _)| *face != found.face) {
                let font = self.all[found.face].font.clone();
                let run = Run { font, text: String::new(), glyphs: Vec::new(), advance: 0.0 };
                runs.push((found.face, run));
            }
            if let Some((_, run)) = runs.last_mut() {
                let start = run.text.len();
                run.text.push(c);
                let range = start..run.text.len();
                let glyph = GlyphId::new(found.glyph);
                run.glyphs.push(KrillaGlyph::new(glyph, found.advance, 0.0, 0.0, 0.0, range, None));
                run.advance += found.advance;
            }
        }
        runs.into_iter().map(|(_, run)| run).collect()
    }

    /// The characters that were asked for and that no face has.
    pub(super) fn missing(&self) -> Vec<char> {
        self.missing.borrow().iter().copied().collect()
    }

    fn find(&self, cut: Cut, c: char) -> Found {
        if let Some(found) = self.known.borrow().get(&(cut, c)) {
            return *found;
        }
        let found = self.look_up(cut, c).unwrap_or_else(|| {
            self.missing.borrow_mut().insert(c);
            self.look_up(Cut::Regular, STAND_IN).unwrap_or(Found {
                face: 0,
                glyph: 1,
                advance: 0.6,
            })
        });
        self.known.borrow_mut().insert((cut, c), found);
        found
    }

    fn look_up(&self, cut: Cut, c: char) -> Option<Found> {
        let own = match cut {
            Cut::Regular => 0,
            Cut::Bold => 1,
            Cut::Mono => 2,
        };
        let others = [0].into_iter().chain(3..self.all.len());
        std::iter::once(own).chain(others).find_map(|face| {
            let font = FontRef::new(self.all[face].source.bytes()).ok()?;
            let glyph = font.charmap().map(c).filter(|glyph| glyph.to_u32() != 0)?;
            let metrics = font.glyph_metrics(Size::unscaled(), LocationRef::default());
            let units = self.all[face].font.units_per_em();
            let advance = metrics.advance_width(glyph)? / units;
            Some(Found { face, glyph: glyph.to_u32(), advance })
        })
    }
}
