//! Writing HTML and XML so that text can never become markup, and every tag is closed.

use crate::model::text::is_hazard;

/// A piece of HTML or XML under way. Text goes in through [`Markup::text`] and attributes through
/// [`Markup::tag`]; both are escaped, and there is no other way in.
#[derive(Debug, Default)]
pub(in crate::report) struct Markup(String);

/// The attributes of a tag: names are the page's own, values may be foreign.
pub(in crate::report) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Markup {
    /// A tag with what stands in it.
    pub(in crate::report) fn tag(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        inside(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// A tag with a text in it.
    pub(in crate::report) fn leaf(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        text: &str,
    ) {
        self.tag(name, attributes, |m| m.text(text));
    }

    /// A tag of HTML that has no end: `meta`, `input`.
    pub(in crate::report) fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            // XML 1.0 §3.3.3 turns a line break in an attribute into a blank.
            escape(&value.replace('\n', "\\n").replace('\t', " "), &mut self.0);
            self.0.push('"');
        }
        self.0.push('>');
    }

    /// Text.
    pub(in crate::report) fn text(&mut self, text: &str) {
        escape(text, &mut self.0);
    }

    /// A line break in the source, for people who read it.
    pub(in crate::report) fn line(&mut self) {
        self.0.push('\n');
    }

    /// The page's own style sheet or script, which no record has a part in.
    pub(in crate::report) fn own(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// The finished text.
    pub(in crate::report) fn finish(self) -> String {
        self.0
    }
}

/// The one escape of these formats: what could open a tag, an entity or a quote, what could change
/// how its neighbours are shown (control characters, bidirectional overrides), and what XML 1.0 §2.2
/// does not allow at all.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if is_hazard(c) || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                out.extend(c.escape_unicode());
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_text() {
        let mut page = Markup::default();
        page.leaf("p", &[("title", "\"><script>")], "a<b>&amp;'\u{202e}\0\n");
        assert_eq!(
            page.finish(),
            "<p title=\"&quot;&gt;&lt;script&gt;\">\
             a&lt;b&gt;&amp;amp;&#39;\\u{202e}\\u{0}\n</p>"
        );
    }
}
