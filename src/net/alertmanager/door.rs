//! How many questions one Alertmanager is asked at once by everybody here, however many checks talk to
//! it: it answers only so many (`--web.get-concurrency`, eight on a small machine), and those of other
//! people are among them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tokio::sync::Semaphore;

/// How many.
const AT_ONCE: usize = 4;

/// The door of an Alertmanager, by its scheme, host and port.
pub(super) fn of(whom: String) -> Arc<Semaphore> {
    static DOORS: LazyLock<Mutex<HashMap<String, Arc<Semaphore>>>> = LazyLock::new(Mutex::default);
    let mut doors = DOORS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(doors.entry(whom).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))))
}
