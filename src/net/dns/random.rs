//! Message ids that cannot be guessed: what keeps an off-path answer from being believed.

use hickory_proto::rr::Name;
use rustix::rand::{GetRandomFlags, getrandom};

/// A name under another that nobody has asked for before; `None` where it would be too long.
#[must_use]
pub fn fresh_name(under: &Name) -> Option<Name> {
    let mut random = Random::new();
    let words = [random.next_u16(), random.next_u16(), random.next_u16(), random.next_u16()];
    let label: String = words.iter().map(|word| format!("{word:04x}")).collect();
    under.prepend_label(format!("gonogo-{label}").as_bytes()).ok()
}

/// A supply of random numbers from the system's generator, drawn in bulk.
#[derive(Debug)]
pub(super) struct Random {
    pool: Vec<u8>,
}

/// How many bytes are drawn at once.
const DRAW: usize = 4096;

impl Random {
    pub(super) const fn new() -> Self {
        Self { pool: Vec::new() }
    }

    /// The next 16 random bits.
    pub(super) fn next_u16(&mut self) -> u16 {
        if self.pool.len() < 2 {
            self.pool.resize(DRAW, 0);
            // Straight from the kernel: a library's own generator takes milliseconds to be seeded.
            let drawn = getrandom(self.pool.as_mut_slice(), GetRandomFlags::empty());
            self.pool.truncate(drawn.unwrap_or(0));
            if self.pool.len() < 2 {
                // Fails only where the kernel has no entropy source; ids then come from addresses
                // and are still checked against the question.
                self.pool = std::ptr::from_ref(self).addr().to_ne_bytes().to_vec();
            }
        }
        let high = self.pool.pop().unwrap_or_default();
        let low = self.pool.pop().unwrap_or_default();
        u16::from_be_bytes([high, low])
    }

    /// A random index below `n`; `n` is at least 1 and far below 65536.
    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::from(self.next_u16()) % n.max(1)
    }
}
