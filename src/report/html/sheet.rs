//! The style sheet: the palette of `style.rs` as variables, then the page's own rules.

use crate::model::outcome::{Decision, Outcome};

use super::super::style::{self, Ink, NIGHT, PAPER, Rgb};

const RULES: &str = include_str!("page.css");

/// The colours that belong to no outcome.
struct Ground {
    page: Rgb,
    /// Everything else, as declarations.
    rest: &'static str,
    /// Text and ground of an outcome.
    outcome: fn(Ink) -> (Rgb, Rgb),
    /// Text and ground of the verdict.
    verdict: fn(Ink) -> (Rgb, Rgb),
}

const LIGHT: Ground = Ground {
    page: PAPER,
    rest: "--card:#ffffff;--well:#f6f7f9;--rule:#dfe3e8;--edge:#b6bec7;--text:#14181d;\
           --muted:#505963;--link:#0a5586",
    outcome: |ink| (ink.light, ink.light_tint),
    verdict: |ink| (PAPER, ink.light),
};

const DARK: Ground = Ground {
    page: NIGHT,
    rest: "--card:#141a20;--well:#0b0f13;--rule:#2a323b;--edge:#4a5561;--text:#e8ecf0;\
           --muted:#a3adb8;--link:#7cc4f5",
    outcome: |ink| (ink.dark, ink.dark_tint),
    verdict: |ink| (ink.dark, ink.dark_tint),
};

/// The whole style sheet for a verdict.
pub(super) fn sheet(decision: Decision) -> String {
    format!(
        "\n{}\n@media screen and (prefers-color-scheme: dark) {{\n{}\n}}\n{RULES}",
        palette(&LIGHT, decision),
        palette(&DARK, decision)
    )
}

fn palette(ground: &Ground, decision: Decision) -> String {
    let (text, banner) = (ground.verdict)(style::decision_ink(decision));
    let mut rules = vec![format!(
        ":root {{ --page:{};--banner:{};--banner-text:{};{} }}",
        ground.page.css(),
        banner.css(),
        text.css(),
        ground.rest
    )];
    for outcome in Outcome::ALL {
        let (ink, tint) = (ground.outcome)(style::ink(outcome));
        rules.push(format!(".o-{outcome} {{ --ink:{};--tint:{} }}", ink.css(), tint.css()));
    }
    rules.join("\n")
}
