//! What a person sees of a run while it is going on.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use gonogo::model::event::{Event, Sink, unfold};
use gonogo::progress::{Bar, Lines};
use indicatif::{ProgressDrawTarget, TermLike};

use crate::{golden, sample};

fn events() -> Vec<Event> {
    let mut events = unfold(&sample::launch());
    let id = sample::id("dns.login");
    let at = sample::at("2026-11-22T02:18:42.200Z");
    let attempt =
        sample::attempt(gonogo::model::outcome::Outcome::Unknown, "no answer within 5s", 5e3);
    events.insert(1, Event::CheckStarted { id: id.clone(), at, attempt: 1 });
    events.insert(2, Event::AttemptFailed { id: id.clone(), attempt });
    events.insert(3, Event::CheckStarted { id, at, attempt: 2 });
    events
}

#[test]
fn a_plain_line_for_each_finished_check() {
    let mut lines = Lines::new(Vec::new());
    for event in events() {
        lines.event(&event).expect("a vector takes every line");
    }
    golden::check("progress.txt", &lines.into_inner());
}

#[test]
fn a_broken_pipe_ends_the_lines_and_nothing_else() {
    struct Broken(usize);
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut lines = Lines::new(Broken(0));
    let said = events().iter().find_map(|event| lines.event(event).err());
    assert!(said.is_some_and(|said| said.starts_with("no more progress is shown")));
    assert_eq!(lines.into_inner().0, 1);
}

#[test]
fn a_bar_that_is_not_on_a_terminal_draws_nothing() {
    let mut bar = Bar::new(ProgressDrawTarget::hidden());
    assert!(bar.is_hidden());
    for event in events() {
        bar.event(&event).expect("a bar takes every event");
    }
}

/// A terminal that remembers what was written to it.
#[derive(Debug, Clone, Default)]
struct Paper(Arc<Mutex<String>>);

impl Paper {
    fn text(&self) -> String {
        self.0.lock().expect("nobody panicked while writing").clone()
    }
}

impl TermLike for Paper {
    fn width(&self) -> u16 {
        80
    }
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(&format!("{text}\n"))
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.lock().expect("nobody panicked while writing").push_str(text);
        Ok(())
    }
    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_bar_on_a_terminal_names_the_checks_under_way() {
    let paper = Paper::default();
    let mut bar = Bar::new(ProgressDrawTarget::term_like(Box::new(paper.clone())));
    for event in &events()[..4] {
        bar.event(event).expect("a bar takes every event");
    }
    drop(bar);
    let text = paper.text();
    assert!(text.contains("0/18"), "{text}");
    assert!(text.contains("dns.login"), "{text}");
}
