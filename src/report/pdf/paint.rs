//! The finished pages as PDF/A-3 with tags, through krilla.

use std::num::NonZeroU16;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use krilla::color::rgb;
use krilla::configure::ConfigurationBuilder;
use krilla::configure::validate::{Accessibility, Archival};
use krilla::destination::XyzDestination;
use krilla::embed::{AssociationKind, EmbeddedFile, MimeType};
use krilla::geom::{Path, PathBuilder, Point};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, SpanTag, TableHeaderScope, Tag, TagGroup,
    TagKind, TagTree,
};
use krilla::{Document, SerializeSettings};

use super::super::ReportError;
use super::super::style::Rgb;
use super::fonts::Faces;
use super::sheet::{Entry, Mark, Node, PAGE, Role, Sheet};

/// What a PDF says of itself beside its pages.
pub(super) struct About {
    pub(super) title: String,
    pub(super) author: Option<String>,
    pub(super) creator: String,
    /// When what it tells of was over; a document has no time of its own.
    pub(super) at: Timestamp,
    /// What tells this document from every other.
    pub(super) id: String,
    /// The record, to be attached as a file.
    pub(super) record: Option<Vec<u8>>,
}

/// Writes the pages.
pub(super) fn write(mut sheet: Sheet<'_>, about: About) -> Result<Vec<u8>, ReportError> {
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A3_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| ReportError::Pdf(format!("{error:?}")))?;
    let mut document = Document::new_with(SerializeSettings {
        configuration,
        enable_tagging: true,
        ..SerializeSettings::default()
    });
    let mut identifiers: Vec<Vec<Identifier>> = vec![Vec::new(); sheet.nodes.len()];
    // What is drawn is let go: the finished document needs the room.
    for marks in std::mem::take(&mut sheet.pages) {
        let settings = PageSettings::from_wh(PAGE.0, PAGE.1).expect("A4 has a size");
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for mark in &marks {
            draw(sheet.faces, mark, &mut surface, &mut identifiers);
        }
        surface.finish();
        page.finish();
    }
    document.set_tag_tree(tree(&sheet.nodes, &mut identifiers));
    document.set_outline(outline(&sheet.entries));
    drop(sheet);
    let date = date(about.at);
    if let Some(record) = about.record {
        attach(&mut document, record, date);
    }
    document.set_metadata(
        Metadata::new()
            .title(about.title)
            .language("en".to_owned())
            .creator(about.creator)
            .authors(about.author.into_iter().collect())
            .creation_date(date)
            .document_id(about.id),
    );
    document.finish().map_err(|error| ReportError::Pdf(format!("{error:?}")))
}

fn attach(document: &mut Document, record: Vec<u8>, date: DateTime) {
    let attached = document.embed_file(EmbeddedFile {
        path: super::ATTACHMENT.to_owned(),
        mime_type: MimeType::new("application/json"),
        description: Some("The record this document was made from, as gonogo wrote it".to_owned()),
        association_kind: AssociationKind::Data,
        data: Arc::new(record).into(),
        modification_date: Some(date),
        // So that it can be taken out again without a PDF reader.
        compress: Some(false),
        location: None,
    });
    attached.expect("one file has no other of its name beside it");
}

/// A moment as PDF writes it, in UTC.
fn date(at: Timestamp) -> DateTime {
    let at = at.to_zoned(TimeZone::UTC);
    let part = |n: i8| u8::try_from(n).unwrap_or_default();
    DateTime::new(u16::try_from(at.year()).unwrap_or_default())
        .month(part(at.month()))
        .day(part(at.day()))
        .hour(part(at.hour()))
        .minute(part(at.minute()))
        .second(part(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}

fn fill(colour: Rgb) -> Fill {
    Fill {
        paint: rgb::Color::new(colour.0, colour.1, colour.2).into(),
        opacity: NormalizedF32::ONE,
        ..Fill::default()
    }
}

fn draw(
    faces: &Faces,
    mark: &Mark,
    surface: &mut Surface<'_>,
    identifiers: &mut [Vec<Identifier>],
) {
    match mark {
        Mark::Box { x, y, width, height, radius, fill: colour } => {
            let Some(path) = round_box(*x, *y, *width, *height, *radius) else { return };
            let decoration = Artifact::with_kind(ArtifactType::Layout);
            surface.start_tagged(ContentTag::Artifact(decoration));
            surface.set_fill(Some(fill(*colour)));
            surface.draw_path(&path);
            surface.end_tagged();
        }
        Mark::Text { x, y, kind, text, leaf } => {
            let tag = match leaf {
                Some(_) => ContentTag::Span(SpanTag::empty()),
                None => ContentTag::Artifact(Artifact::with_kind(ArtifactType::PaginationOther)),
            };
            let identifier = surface.start_tagged(tag);
            surface.set_fill(Some(fill(kind.colour)));
            let mut x = *x;
            for run in faces.runs(kind.cut, text) {
                let start = Point::from_xy(x, *y);
                surface.draw_glyphs(start, &run.glyphs, run.font, &run.text, kind.size, false);
                x += run.advance * kind.size;
            }
            surface.end_tagged();
            if let Some(leaf) = leaf {
                identifiers[*leaf].push(identifier);
            }
        }
    }
}

/// A box whose corners are near circles: the usual cubic of 0.5523.
fn round_box(x: f32, y: f32, width: f32, height: f32, radius: f32) -> Option<Path> {
    let r = radius.min(width / 2.0).min(height / 2.0);
    let k = r * 0.447_7;
    let (right, bottom) = (x + width, y + height);
    let mut path = PathBuilder::new();
    path.move_to(x + r, y);
    path.line_to(right - r, y);
    path.cubic_to(right - k, y, right, y + k, right, y + r);
    path.line_to(right, bottom - r);
    path.cubic_to(right, bottom - k, right - k, bottom, right - r, bottom);
    path.line_to(x + r, bottom);
    path.cubic_to(x + k, bottom, x, bottom - k, x, bottom - r);
    path.line_to(x, y + r);
    path.cubic_to(x, y + k, x + k, y, x + r, y);
    path.close();
    path.finish()
}

fn tree(nodes: &[Node], identifiers: &mut [Vec<Identifier>]) -> TagTree {
    let mut tree = TagTree::new().with_lang(Some("en".to_owned()));
    for child in &nodes[0].children {
        if let Some(group) = group(nodes, *child, identifiers) {
            tree.push(group);
        }
    }
    tree
}

fn group(nodes: &[Node], at: usize, identifiers: &mut [Vec<Identifier>]) -> Option<TagGroup> {
    let mut group = TagGroup::new(kind(&nodes[at].role)?);
    for child in &nodes[at].children {
        match &nodes[*child].role {
            Role::Leaf => {
                for identifier in identifiers[*child].drain(..) {
                    group.push(identifier);
                }
            }
            Role::Document
            | Role::Section
            | Role::Heading { .. }
            | Role::Paragraph
            | Role::Table
            | Role::Head
            | Role::Body
            | Role::Row
            | Role::HeadCell
            | Role::Cell
            | Role::Code
            | Role::Figure { .. } => {
                if let Some(inner) = self::group(nodes, *child, identifiers) {
                    group.push(inner);
                }
            }
        }
    }
    Some(group)
}

fn kind(role: &Role) -> Option<TagKind> {
    Some(match role {
        Role::Document | Role::Leaf => return None,
        Role::Section => Tag::Section.into(),
        Role::Heading { level, title } => {
            Tag::Hn(NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN), Some(title.clone())).into()
        }
        Role::Paragraph => Tag::P.into(),
        Role::Table => Tag::Table.into(),
        Role::Head => Tag::THead.into(),
        Role::Body => Tag::TBody.into(),
        Role::Row => Tag::TR.into(),
        Role::HeadCell => Tag::TH(TableHeaderScope::Column).into(),
        Role::Cell => Tag::TD.into(),
        Role::Code => Tag::Code.into(),
        Role::Figure { alt } => Tag::Figure(Some(alt.clone())).into(),
    })
}

/// The table of contents: headings of the second level, with those of the third below them.
fn outline(entries: &[Entry]) -> Outline {
    let mut outline = Outline::new();
    let mut current: Option<OutlineNode> = None;
    for entry in entries {
        let place = XyzDestination::new(entry.page, Point::from_xy(0.0, (entry.y - 10.0).max(0.0)));
        let node = OutlineNode::new(entry.title.clone(), place);
        match &mut current {
            Some(parent) if entry.level > 2 => parent.push_child(node),
            _ => {
                if let Some(done) = current.replace(node) {
                    outline.push_child(done);
                }
            }
        }
    }
    if let Some(done) = current {
        outline.push_child(done);
    }
    outline
}
