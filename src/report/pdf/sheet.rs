//! Pages under way: what stands where, what it means (the tags a screen reader follows), and where
//! the page ends. Knows nothing of the PDF format.

use super::super::style::Rgb;
use super::super::wrap::wrap_by;
use super::fonts::{Cut, Faces};

/// A4, in points.
pub(super) const PAGE: (f32, f32) = (595.28, 841.89);
/// The left and right margins.
pub(super) const MARGIN: f32 = 54.0;
/// Where the text begins and ends on a page.
pub(super) const TOP: f32 = 58.0;
pub(super) const BOTTOM: f32 = 841.89 - 64.0;
/// The width of the text.
pub(super) const WIDTH: f32 = 595.28 - 2.0 * MARGIN;

/// How a text is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Type {
    pub(super) cut: Cut,
    /// In points.
    pub(super) size: f32,
    /// From line to line, in points.
    pub(super) leading: f32,
    pub(super) colour: Rgb,
}

impl Type {
    pub(super) const fn new(cut: Cut, size: f32, leading: f32, colour: Rgb) -> Self {
        Self { cut, size, leading, colour }
    }

    /// The same type in another colour.
    pub(super) const fn in_colour(self, colour: Rgb) -> Self {
        Self { colour, ..self }
    }
}

/// Something drawn.
#[derive(Debug, Clone)]
pub(super) enum Mark {
    /// A box with round corners; decoration only.
    Box { x: f32, y: f32, width: f32, height: f32, radius: f32, fill: Rgb },
    /// A line of text on its base line. Without a leaf it is decoration.
    Text { x: f32, y: f32, kind: Type, text: String, leaf: Option<usize> },
}

/// What a part of the document is, for those who hear it.
#[derive(Debug, Clone)]
pub(super) enum Role {
    Document,
    Section,
    Heading {
        level: u16,
        title: String,
    },
    Paragraph,
    Table,
    Head,
    Body,
    Row,
    HeadCell,
    Cell,
    Code,
    Figure {
        alt: String,
    },
    /// Something drawn.
    Leaf,
}

/// A part of the document and its parts.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) role: Role,
    pub(super) children: Vec<usize>,
}

/// A place in the table of contents.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) level: u16,
    pub(super) title: String,
    pub(super) page: usize,
    pub(super) y: f32,
}

/// Pages under way.
pub(super) struct Sheet<'f> {
    pub(super) faces: &'f Faces,
    pub(super) pages: Vec<Vec<Mark>>,
    pub(super) nodes: Vec<Node>,
    pub(super) entries: Vec<Entry>,
    /// Where the next thing begins, from the top of the page.
    pub(super) y: f32,
    open: Vec<usize>,
}

/// A state of a sheet to come back to.
struct Place {
    pages: usize,
    marks: usize,
    nodes: usize,
    children: usize,
    entries: usize,
    y: f32,
}

impl<'f> Sheet<'f> {
    /// One empty page.
    pub(super) fn new(faces: &'f Faces) -> Self {
        let root = Node { role: Role::Document, children: Vec::new() };
        let (pages, nodes) = (vec![Vec::new()], vec![root]);
        Self { faces, pages, nodes, entries: Vec::new(), y: TOP, open: vec![0] }
    }

    /// A new page.
    pub(super) fn turn(&mut self) {
        self.pages.push(Vec::new());
        self.y = TOP;
    }

    /// A new page unless there is room for this much.
    pub(super) fn need(&mut self, height: f32) {
        if self.y + height > BOTTOM && self.y > TOP {
            self.turn();
        }
    }

    /// Room between two things; none at the top of a page.
    pub(super) fn gap(&mut self, height: f32) {
        if self.y > TOP {
            self.y += height;
        }
    }

    /// Puts a mark on the current page.
    pub(super) fn put(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// A part of the document and what is in it.
    pub(super) fn part(&mut self, role: Role, inside: impl FnOnce(&mut Self)) {
        let node = self.add(role);
        self.open.push(node);
        inside(self);
        self.open.pop();
    }

    /// A new leaf of the current part, for a text to belong to.
    pub(super) fn leaf(&mut self) -> usize {
        self.add(Role::Leaf)
    }

    fn add(&mut self, role: Role) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node { role, children: Vec::new() });
        let parent = self.open.last().copied().unwrap_or_default();
        self.nodes[parent].children.push(node);
        node
    }

    /// A line of text, its top at `top`.
    pub(super) fn line(&mut self, x: f32, top: f32, kind: Type, text: &str, leaf: Option<usize>) {
        // Small letters stand in the middle of the line.
        let y = top + kind.leading / 2.0 + kind.size * 0.36;
        self.put(Mark::Text { x, y, kind, text: text.to_owned(), leaf });
    }

    /// A text in lines of a width.
    pub(super) fn lines(&self, text: &str, kind: Type, width: f32) -> Vec<String> {
        wrap_by(text, width, &|part| self.faces.width(kind.cut, kind.size, part))
    }

    /// A text where the sheet stands, broken over lines and pages.
    pub(super) fn text(&mut self, x: f32, width: f32, kind: Type, text: &str, role: Role) {
        self.part(role, |sheet| {
            let leaf = sheet.leaf();
            for line in sheet.lines(text, kind, width) {
                sheet.need(kind.leading);
                // The blank tells a reader that the word ends with the line.
                sheet.line(x, sheet.y, kind, &format!("{line} "), Some(leaf));
                sheet.y += kind.leading;
            }
        });
    }

    /// A paragraph over the whole width.
    pub(super) fn paragraph(&mut self, kind: Type, text: &str) {
        self.text(MARGIN, WIDTH, kind, text, Role::Paragraph);
    }

    /// A heading, with at least `room` below it on its page.
    pub(super) fn heading(&mut self, level: u16, kind: Type, title: &str, room: f32) {
        self.need(kind.leading + room);
        let (page, y) = (self.pages.len() - 1, self.y);
        self.entries.push(Entry { level, title: title.to_owned(), page, y });
        let role = Role::Heading { level, title: title.to_owned() };
        self.text(MARGIN, WIDTH, kind, title, role);
    }

    /// A box; decoration only.
    pub(super) fn block(
        &mut self,
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        radius: f32,
        fill: Rgb,
    ) {
        self.put(Mark::Box { x, y, width, height, radius, fill });
    }

    /// A fine line across.
    pub(super) fn rule(&mut self, x: f32, width: f32, colour: Rgb) {
        self.block(x, self.y, width, 0.6, 0.0, colour);
    }

    /// Draws something on one page if a page can hold it, else wherever it falls.
    pub(super) fn together(&mut self, draw: impl Fn(&mut Self)) {
        let place = self.place();
        draw(self);
        let turned = self.pages.len() - place.pages;
        if turned == 1 && place.y > TOP && (self.y - TOP) + (BOTTOM - place.y) <= BOTTOM - TOP {
            self.back(&place);
            self.turn();
            draw(self);
        }
    }

    fn place(&self) -> Place {
        let parent = self.open.last().copied().unwrap_or_default();
        Place {
            pages: self.pages.len(),
            marks: self.pages.last().map_or(0, Vec::len),
            nodes: self.nodes.len(),
            children: self.nodes[parent].children.len(),
            entries: self.entries.len(),
            y: self.y,
        }
    }

    fn back(&mut self, place: &Place) {
        let parent = self.open.last().copied().unwrap_or_default();
        self.pages.truncate(place.pages);
        if let Some(page) = self.pages.last_mut() {
            page.truncate(place.marks);
        }
        self.nodes.truncate(place.nodes);
        self.nodes[parent].children.truncate(place.children);
        self.entries.truncate(place.entries);
        self.y = place.y;
    }
}
