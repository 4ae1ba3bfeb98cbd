//! One desk for each Alertmanager, at which everybody here asks: a few questions at a time, and a
//! question that several have is asked once.

use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;

use super::wire::{Alert, Silence, Status};
use super::{Access, HttpUrl, Trouble};

/// How many questions it is asked at once, however many checks talk to it: it answers only so many
/// (`--web.get-concurrency`, eight on a small machine), and those of other people are among them.
const AT_ONCE: usize = 4;

/// The desk of one Alertmanager for one way of being let in.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) door: Semaphore,
    pub(super) status: Slot<Status>,
    pub(super) alerts: Slot<Vec<Alert>>,
    pub(super) silences: Slot<Vec<Silence>>,
    pub(super) all_silences: Slot<Vec<Silence>>,
}

impl Desk {
    /// The desk that others use, as long as there are others.
    pub(super) fn of(base: &HttpUrl, access: &Access) -> Arc<Self> {
        type Desks = Mutex<Vec<(HttpUrl, Access, Weak<Desk>)>>;
        static DESKS: LazyLock<Desks> = LazyLock::new(Mutex::default);
        let mut desks = DESKS.lock().unwrap_or_else(PoisonError::into_inner);
        desks.retain(|(.., desk)| desk.strong_count() > 0);
        let known = desks.iter().find(|(url, way, _)| url == base && way == access);
        if let Some(desk) = known.and_then(|(.., desk)| desk.upgrade()) {
            return desk;
        }
        let desk = Arc::new(Self {
            door: Semaphore::new(AT_ONCE),
            status: Slot::new(),
            alerts: Slot::new(),
            silences: Slot::new(),
            all_silences: Slot::new(),
        });
        desks.push((base.clone(), access.clone(), Arc::downgrade(&desk)));
        desk
    }
}

/// An answer that is on its way to several.
type Coming<T> = Shared<BoxFuture<'static, Result<Arc<T>, Trouble>>>;

/// One question. Its answer goes to all who had asked before it was put, so that nobody gets one that
/// is older than their question.
pub(super) struct Slot<T> {
    /// It is put once at a time.
    turn: Arc<Semaphore>,
    /// The next time it will be put; none when nobody waits for that.
    next: Arc<Mutex<Option<Coming<T>>>>,
}

impl<T: Send + Sync + 'static> Slot<T> {
    fn new() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), next: Arc::default() }
    }

    /// Asks, with others where others wait.
    pub(super) async fn ask(
        &self,
        put: impl Future<Output = Result<T, Trouble>> + Send + 'static,
    ) -> Result<Arc<T>, Trouble> {
        let coming = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            next.get_or_insert_with(|| self.prepare(put)).clone()
        };
        coming.await
    }

    fn prepare(&self, put: impl Future<Output = Result<T, Trouble>> + Send + 'static) -> Coming<T> {
        let (turn, next) = (Arc::clone(&self.turn), Arc::clone(&self.next));
        let coming = async move {
            // Nobody closes it.
            let _turn = turn.acquire_owned().await;
            // Whoever asks from here on needs an answer of their own.
            *next.lock().unwrap_or_else(PoisonError::into_inner) = None;
            put.await.map(Arc::new)
        };
        coming.boxed().shared()
    }
}

impl<T> std::fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn many_who_ask_at_once_share_an_answer_that_is_never_older_than_their_question() {
        let slot: Slot<usize> = Slot::new();
        let put = Arc::new(AtomicUsize::new(0));
        let ask = || {
            let put = Arc::clone(&put);
            slot.ask(async move {
                let nth = put.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
                Ok(nth)
            })
        };
        // The first one's is put at once, and is too old for all others, who share the next.
        let answers = join_all((0..50).map(|_| ask())).await;
        let answers: Vec<usize> = answers.into_iter().map(|one| *one.expect("an answer")).collect();
        assert_eq!((answers[0], put.load(Ordering::SeqCst)), (0, 2));
        assert!(answers[1..].iter().all(|nth| *nth == 1), "{answers:?}");
        let early = ask();
        let late = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            join_all((0..50).map(|_| ask())).await
        };
        let (early, late) = tokio::join!(early, late);
        assert_eq!(early.map(|nth| *nth), Ok(2));
        assert!(late.into_iter().all(|answer| answer.is_ok_and(|nth| *nth == 3)));

        // Who gives up takes nobody along.
        let hasty = tokio::time::timeout(Duration::from_millis(1), ask());
        let (running, hasty, patient) = tokio::join!(ask(), hasty, ask());
        assert!(running.is_ok() && hasty.is_err());
        assert_eq!(patient.map(|nth| *nth), Ok(5));
    }

    #[test]
    fn those_who_are_let_in_differently_do_not_share() {
        let url: HttpUrl = "http://a:9093".parse().expect("a URL");
        let tenant = |name: &str| Access {
            headers: [("X-Scope-OrgID".to_owned(), name.to_owned())].into(),
            ..Access::default()
        };
        let one = Desk::of(&url, &tenant("a"));
        assert!(Arc::ptr_eq(&one, &Desk::of(&url, &tenant("a"))));
        assert!(!Arc::ptr_eq(&one, &Desk::of(&url, &tenant("b"))));
        let with_user: HttpUrl = "http://me:x@a:9093".parse().expect("a URL");
        assert!(!Arc::ptr_eq(&one, &Desk::of(&with_user, &tenant("a"))));
    }
}
