//! Every word, symbol and colour of outcomes, decisions and their like. A colour never stands
//! without its word.

use anstyle::{AnsiColor, Style};

use crate::model::outcome::{Decision, Outcome, Severity};
use crate::model::record::{ChangeState, SkipReason, Stop};

use super::{Colour, Glyphs, Look};

/// A colour on a screen or on paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb(
    /// Red.
    pub u8,
    /// Green.
    pub u8,
    /// Blue.
    pub u8,
);

/// The colours of one outcome or decision. `ink` on `tint`, `ink` on the page and the page's colour
/// on `ink` all meet WCAG 2.2 AA (4.5:1), in light and in dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ink {
    /// Text and marks on a light page.
    pub light: Rgb,
    /// A light ground behind such text.
    pub light_tint: Rgb,
    /// Text and marks on a dark page.
    pub dark: Rgb,
    /// A dark ground behind such text.
    pub dark_tint: Rgb,
}

/// The light page.
pub const PAPER: Rgb = Rgb(0xff, 0xff, 0xff);
/// The dark page.
pub const NIGHT: Rgb = Rgb(0x0f, 0x13, 0x18);

const GREEN: Ink = Ink {
    light: Rgb(0x14, 0x65, 0x38),
    light_tint: Rgb(0xe5, 0xf4, 0xea),
    dark: Rgb(0x5f, 0xd3, 0x8d),
    dark_tint: Rgb(0x12, 0x2c, 0x1e),
};
const RED: Ink = Ink {
    light: Rgb(0xae, 0x1f, 0x1f),
    light_tint: Rgb(0xfd, 0xec, 0xea),
    dark: Rgb(0xff, 0x8f, 0x87),
    dark_tint: Rgb(0x3a, 0x17, 0x18),
};
const AMBER: Ink = Ink {
    light: Rgb(0x85, 0x4d, 0x00),
    light_tint: Rgb(0xff, 0xf3, 0xdb),
    dark: Rgb(0xf2, 0xb8, 0x4b),
    dark_tint: Rgb(0x33, 0x25, 0x0c),
};
const VIOLET: Ink = Ink {
    light: Rgb(0x64, 0x38, 0x9b),
    light_tint: Rgb(0xf2, 0xec, 0xfb),
    dark: Rgb(0xc9, 0xa8, 0xf5),
    dark_tint: Rgb(0x2a, 0x1d, 0x3d),
};
const BLUE: Ink = Ink {
    light: Rgb(0x0a, 0x55, 0x86),
    light_tint: Rgb(0xe4, 0xf1, 0xfa),
    dark: Rgb(0x7c, 0xc4, 0xf5),
    dark_tint: Rgb(0x10, 0x29, 0x3a),
};
const GREY: Ink = Ink {
    light: Rgb(0x50, 0x59, 0x63),
    light_tint: Rgb(0xed, 0xef, 0xf1),
    dark: Rgb(0xa3, 0xad, 0xb8),
    dark_tint: Rgb(0x22, 0x29, 0x31),
};

impl Rgb {
    /// As style sheets write it, `#ae1f1f`.
    #[must_use]
    pub fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// Every outcome in the order a reader wants their numbers: the worst first.
pub(super) fn worst_first() -> impl Iterator<Item = Outcome> {
    Outcome::ALL.into_iter().rev()
}

/// A text in a style, where colours are used.
pub(super) fn paint(look: &Look, style: Style, text: &str) -> String {
    match look.colour {
        Colour::On if !text.is_empty() => format!("{style}{text}{style:#}"),
        Colour::On | Colour::Off => text.to_owned(),
    }
}

/// The word of an outcome in tables: `PASS`, `FAIL`.
#[must_use]
pub const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Skipped => "SKIPPED",
        Outcome::NotApplicable => "N/A",
        Outcome::Pass => "PASS",
        Outcome::Warn => "WARN",
        Outcome::Pending => "PENDING",
        Outcome::Unknown => "UNKNOWN",
        Outcome::Fail => "FAIL",
    }
}

/// The word of an outcome in sentences: `dns.match failed`, `10 passed`.
#[must_use]
pub const fn past(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Skipped => "skipped",
        Outcome::NotApplicable => "not applicable",
        Outcome::Pass => "passed",
        Outcome::Warn => "warned",
        Outcome::Pending => "pending",
        Outcome::Unknown => "unknown",
        Outcome::Fail => "failed",
    }
}

/// What an outcome means, for a legend.
#[must_use]
pub const fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Skipped => "not looked, on purpose",
        Outcome::NotApplicable => "looked, and the question does not arise",
        Outcome::Pass => "looked, and it is right",
        Outcome::Warn => "right enough to launch, worth a person's eye",
        Outcome::Pending => "waits for a person",
        Outcome::Unknown => "tried and learnt nothing",
        Outcome::Fail => "looked, and it is wrong",
    }
}

/// The symbol of an outcome, always beside its word.
#[must_use]
pub const fn symbol(outcome: Outcome, glyphs: Glyphs) -> &'static str {
    match (glyphs, outcome) {
        (Glyphs::Unicode, Outcome::Skipped) => "○",
        (Glyphs::Unicode, Outcome::NotApplicable) => "–",
        (Glyphs::Unicode, Outcome::Pass) => "✓",
        (Glyphs::Unicode | Glyphs::Ascii, Outcome::Warn) => "!",
        (Glyphs::Unicode, Outcome::Pending) => "…",
        (Glyphs::Unicode | Glyphs::Ascii, Outcome::Unknown) => "?",
        (Glyphs::Unicode, Outcome::Fail) => "✗",
        (Glyphs::Ascii, Outcome::Skipped) => "o",
        (Glyphs::Ascii, Outcome::NotApplicable) => "-",
        (Glyphs::Ascii, Outcome::Pass) => "+",
        (Glyphs::Ascii, Outcome::Pending) => "~",
        (Glyphs::Ascii, Outcome::Fail) => "x",
    }
}

/// The sign of an outcome where only text has colour (chats, merge requests), always beside its word.
#[must_use]
pub const fn emoji(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Skipped => "⚪",
        Outcome::NotApplicable => "➖",
        Outcome::Pass => "🟢",
        Outcome::Warn => "🟡",
        Outcome::Pending => "🔵",
        Outcome::Unknown => "🟣",
        Outcome::Fail => "🔴",
    }
}

/// The colours of an outcome on pages.
#[must_use]
pub const fn ink(outcome: Outcome) -> Ink {
    match outcome {
        Outcome::Skipped | Outcome::NotApplicable => GREY,
        Outcome::Pass => GREEN,
        Outcome::Warn => AMBER,
        Outcome::Pending => BLUE,
        Outcome::Unknown => VIOLET,
        Outcome::Fail => RED,
    }
}

/// The look of an outcome's word on a terminal.
#[must_use]
pub const fn terminal(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Skipped | Outcome::NotApplicable => DIM,
        Outcome::Pass => colour(AnsiColor::Green),
        Outcome::Warn => colour(AnsiColor::Yellow),
        Outcome::Pending => colour(AnsiColor::Cyan),
        Outcome::Unknown => colour(AnsiColor::Magenta).bold(),
        Outcome::Fail => colour(AnsiColor::Red).bold(),
    }
}

/// Headings on a terminal.
pub const STRONG: Style = Style::new().bold();
/// Labels and asides on a terminal.
pub const DIM: Style = Style::new().dimmed();

const fn colour(colour: AnsiColor) -> Style {
    colour.on_default()
}

/// The word of a decision: `NO-GO`.
#[must_use]
pub const fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Go => "GO",
        Decision::Hold => "HOLD",
        Decision::NoGo => "NO-GO",
        Decision::NothingRan => "NOTHING RAN",
    }
}

/// What a decision means, as one sentence.
#[must_use]
pub const fn decision_meaning(decision: Decision) -> &'static str {
    match decision {
        Decision::Go => "Everything that blocks the launch is right.",
        Decision::Hold => {
            "Nothing that blocks the launch failed, but not everything is known to be right."
        }
        Decision::NoGo => "Something that blocks the launch is wrong.",
        Decision::NothingRan => "Nothing was judged, so nothing is known.",
    }
}

/// The colours of a decision on pages.
#[must_use]
pub const fn decision_ink(decision: Decision) -> Ink {
    match decision {
        Decision::Go => GREEN,
        Decision::Hold => AMBER,
        Decision::NoGo => RED,
        Decision::NothingRan => GREY,
    }
}

/// The look of a decision on a terminal.
#[must_use]
pub const fn decision_terminal(decision: Decision) -> Style {
    let colour = match decision {
        Decision::Go => AnsiColor::Green,
        Decision::Hold => AnsiColor::Yellow,
        Decision::NoGo => AnsiColor::Red,
        Decision::NothingRan => AnsiColor::Magenta,
    };
    Style::new().fg_color(Some(anstyle::Color::Ansi(colour))).bold().invert()
}

/// How a run was ended from outside, as one sentence.
#[must_use]
pub const fn stop(stop: Stop) -> &'static str {
    match stop {
        Stop::Interrupt => "The run was interrupted (Ctrl-C) before it was done.",
        Stop::Terminate => "The run was terminated (SIGTERM) before it was done.",
        Stop::HangUp => "The run's terminal went away (SIGHUP) before it was done.",
        Stop::Deadline => "The run's deadline came before it was done.",
        Stop::FailFast => "The run stopped at the first blocker that failed (--fail-fast).",
    }
}

/// How a run was ended from outside, in a word or two.
#[must_use]
pub const fn stop_word(stop: Stop) -> &'static str {
    match stop {
        Stop::Interrupt => "interrupted",
        Stop::Terminate => "terminated",
        Stop::HangUp => "ended with its terminal",
        Stop::Deadline => "stopped by its deadline",
        Stop::FailFast => "stopped at the first failure",
    }
}

/// The record of a run that never said it ended.
pub const KILLED: &str = "The record has no end: the run was killed, or is still going on.";

/// Why checks were not looked at, after their number.
#[must_use]
pub const fn skip(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Phase => "of other phases",
        SkipReason::NotSelected => "not selected",
        SkipReason::Shard => "left to other shards",
        SkipReason::Needs => "need something that did not pass",
        SkipReason::Halted => "after a halt",
        SkipReason::FailFast => "after the first failure",
    }
}

/// How far a change got.
#[must_use]
pub const fn change(state: ChangeState) -> &'static str {
    match state {
        ChangeState::Proposed => "proposed",
        ChangeState::Intended => "begun, outcome not known",
        ChangeState::Applied => "made",
        ChangeState::Failed => "not made",
    }
}

/// How much a check weighs.
#[must_use]
pub const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocker => "blocker",
        Severity::Advisory => "advisory",
    }
}

/// What stands between the parts of a sentence of the tool's own.
#[must_use]
pub const fn separator(glyphs: Glyphs) -> &'static str {
    match glyphs {
        Glyphs::Unicode => " · ",
        Glyphs::Ascii => " - ",
    }
}

/// What stands for things left out.
#[must_use]
pub const fn ellipsis(glyphs: Glyphs) -> &'static str {
    match glyphs {
        Glyphs::Unicode => "…",
        Glyphs::Ascii => "...",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2, relative luminance.
    fn luminance(Rgb(r, g, b): Rgb) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_ink_can_be_read_on_every_ground_it_stands_on() {
        for ink in [GREEN, RED, AMBER, VIOLET, BLUE, GREY] {
            for (text, ground) in [
                (ink.light, PAPER),
                (ink.light, ink.light_tint),
                (ink.dark, NIGHT),
                (ink.dark, ink.dark_tint),
            ] {
                let ratio = contrast(text, ground);
                assert!(ratio >= 4.5, "{} on {}: {ratio:.2}", text.css(), ground.css());
            }
        }
    }

    #[test]
    fn no_two_outcomes_share_a_word_or_a_symbol() {
        let all = Outcome::ALL;
        for (n, a) in all.iter().enumerate() {
            for b in &all[n + 1..] {
                assert_ne!(word(*a), word(*b));
                assert_ne!(symbol(*a, Glyphs::Unicode), symbol(*b, Glyphs::Unicode));
                assert_ne!(symbol(*a, Glyphs::Ascii), symbol(*b, Glyphs::Ascii));
            }
        }
    }
}
