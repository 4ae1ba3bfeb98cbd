//! The ramp: opening a few connections step by step, holding and using them, and giving all back.
//!
//! It is opt-in and stays far from every limit: a fifth of each limit, and at least ten slots, stay
//! free, which is looked at again before every handful of new connections and while they are held.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join, try_join_all};

use super::demand::round_up;
use super::ramp_facts::{Ceiling, End, HeldBack, Limited, Ramp, Run, Step};
use super::wish::RampWish;
use crate::clock::millis_since;
use crate::model::fault::{Fault, Sight};
use crate::model::latency::Latency;
use crate::probe::ProbeCx;

/// The least number of slots that stay free, however small the server is.
const FLOOR: u32 = 10;
/// The share of each limit that stays free.
const FLOOR_SHARE: f64 = 0.2;
/// The most connections added where the check does not say.
pub(super) const MAX_ADDED: u32 = 10;
/// How many times slower than alone is too slow.
pub(super) const SLOWER: f64 = 5.0;
/// Statements faster than this are never too slow without a stated limit: on a quick server five
/// times nothing is nothing, in milliseconds.
pub(super) const NEVER_SLOW: f64 = 50.0;
/// How long one login, or one statement, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What silence is counted under, and what cannot be read.
const LOST: &str = "lost";
/// How long one connection may take to end.
const FAREWELL: Duration = Duration::from_millis(500);

/// What is ramped: a server, or a pooler before one. Each future is bounded by its `limit`.
pub(in crate::probe) trait Ground: Sync {
    /// A connection of the ramp.
    type Held: Send;
    /// The session that watches the limits meanwhile.
    type Watch: Send;

    /// Opens one connection and has one statement answered on it.
    fn open(&self, limit: Duration) -> impl Future<Output = Result<Self::Held, Stumble>> + Send;

    /// Has one statement answered.
    fn statement(
        &self,
        held: &mut Self::Held,
        limit: Duration,
    ) -> impl Future<Output = Result<(), Stumble>> + Send;

    /// Looks at the limits, the ramp's own connections counted as used.
    fn look(
        &self,
        watch: &mut Self::Watch,
        limit: Duration,
    ) -> impl Future<Output = Result<View, Fault>> + Send;

    /// Ends one connection with a farewell.
    fn close(&self, held: Self::Held, limit: Duration) -> impl Future<Output = ()> + Send;

    /// The number the other side knows a connection by.
    fn number(&self, held: &Self::Held) -> Option<u64>;

    /// How many of these, or of the ramp's own at all, are still there.
    fn left(
        &self,
        watch: &mut Self::Watch,
        numbers: &[u64],
        limit: Duration,
    ) -> impl Future<Output = Result<u32, Fault>> + Send;
}

/// Why a login or a statement of the ramp failed.
pub(in crate::probe) struct Stumble {
    /// What it is counted under: the other side's own code, or `lost`.
    pub(in crate::probe) key: String,
    /// The words.
    pub(in crate::probe) words: String,
}

impl Stumble {
    /// Silence, or nothing that can be read.
    pub(in crate::probe) fn lost(words: impl Into<String>) -> Self {
        Self { key: LOST.to_owned(), words: words.into() }
    }
}

/// What is seen of the limits at one moment.
pub(in crate::probe) struct View {
    /// The tightest one.
    pub(in crate::probe) ceiling: Ceiling,
    /// Whether others wait for what the ramp holds.
    pub(in crate::probe) others_wait: bool,
}

/// How far the ramp will go.
pub(in crate::probe) struct Plan {
    ceiling: Ceiling,
    planned: u32,
}

impl Plan {
    /// As far as the check asks and the tightest limit allows. `unasked` is the most where the check
    /// does not say.
    pub(in crate::probe) fn below(
        ceilings: &[Ceiling],
        wish: &RampWish,
        unasked: u32,
    ) -> Result<Self, HeldBack> {
        let tightest = ceilings.iter().min_by_key(|ceiling| ceiling.room());
        let ceiling = *tightest.ok_or(HeldBack::Blind)?;
        let own = MAX_ADDED.min(ceiling.free / 10).max(1).min(unasked);
        match ceiling.room().min(wish.max_added.unwrap_or(own)) {
            0 => Err(HeldBack::NoRoom(ceiling)),
            planned => Ok(Self { ceiling, planned }),
        }
    }
}

/// A ramp while it runs.
pub(in crate::probe) struct Ramper<'a, G> {
    pub(in crate::probe) cx: &'a ProbeCx,
    pub(in crate::probe) ground: &'a G,
    pub(in crate::probe) wish: &'a RampWish,
}

impl<G: Ground> Ramper<'_, G> {
    /// Runs the ramp beside a session that watches.
    pub(in crate::probe) async fn run(&self, watch: &mut G::Watch, plan: Plan) -> Ramp {
        let Plan { ceiling, planned } = plan;
        let (steps, end, left) = (Vec::new(), End::Reached, Sight::Seen(0));
        let mut run = Run { ceiling, planned, steps, end, knee: None, left };
        let mut held = Vec::new();
        for goal in steps_to(planned) {
            if self.cx.remaining() < self.wish.hold().saturating_add(margin(goal)) {
                run.end = End::Time;
                break;
            }
            let (step, end) = self.step(watch, &mut held, goal).await;
            run.steps.push(step);
            let end = end.or_else(|| self.too_slow(&run.steps).then_some(End::Slow));
            if let Some(end) = end {
                run.end = end;
                break;
            }
        }
        run.knee = knee(&run.steps);
        let numbers: Vec<u64> = held.iter().filter_map(|held| self.ground.number(held)).collect();
        // The last one opened is the first one given back.
        while let Some(session) = held.pop() {
            self.ground.close(session, FAREWELL).await;
        }
        run.left = self.left(watch, &numbers).await.into();
        if run.steps.is_empty() { Ramp::Held(HeldBack::NoTime) } else { Ramp::Ran(run) }
    }

    fn patience(&self) -> Duration {
        PATIENCE.min(self.cx.remaining())
    }

    /// Adds connections until `goal` are held, holds them, and uses them.
    async fn step(
        &self,
        watch: &mut G::Watch,
        held: &mut Vec<G::Held>,
        goal: u32,
    ) -> (Step, Option<End>) {
        let tally = Tally::default();
        let mut connect = Vec::new();
        let (begun, work) = (self.cx.clock.tick(), self.cx.clock.worked());
        let mut end = self.open(watch, held, goal, &tally, &mut connect).await.err();
        if end.is_none() {
            end = self.hold(watch, held, &tally).await.err();
        }
        let own_cpu = self.cx.clock.share_since(begun, work);
        let free = self.ground.look(watch, self.patience()).await.ok().map(|it| it.ceiling.free);
        let tally = tally.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let step = Step {
            held: u32::try_from(held.len()).unwrap_or(u32::MAX),
            connect: Latency::of(connect),
            statement: Latency::of(tally.statement),
            own_delay: Latency::of(tally.own_delay),
            own_cpu,
            errors: tally.errors,
            first_error: tally.first_error,
            free,
        };
        (step, end.or_else(|| free.is_none().then_some(End::Blind)))
    }

    /// Opens connections a handful at a time, as long as there will be time to hold them. The handful
    /// is a fifth of the floor, so that several ramps that meet by accident cannot use it up between
    /// two looks.
    async fn open(
        &self,
        watch: &mut G::Watch,
        held: &mut Vec<G::Held>,
        goal: u32,
        tally: &Tally,
        connect: &mut Vec<f64>,
    ) -> Result<(), End> {
        loop {
            if self.cx.remaining() < self.wish.hold() {
                return Err(End::Time);
            }
            let missing = goal.saturating_sub(u32::try_from(held.len()).unwrap_or(u32::MAX));
            if missing == 0 {
                return Ok(());
            }
            let ceiling = self.look(watch).await?;
            let handful = missing.min((ceiling.floor / 5).max(1));
            if ceiling.free < ceiling.floor.saturating_add(handful) {
                return Err(End::Floor);
            }
            let opening = (0..handful).map(|_| self.open_one());
            let mut end = None;
            for opened in join_all(opening).await {
                match opened {
                    Ok((session, millis)) => {
                        held.push(session);
                        connect.push(millis);
                    }
                    Err(stumble) => {
                        let why = self.stumbled(stumble, tally);
                        end = end.filter(|end| *end == End::Errors).or(Some(why));
                    }
                }
            }
            if let Some(end) = end {
                return Err(end);
            }
        }
    }

    async fn open_one(&self) -> Result<(G::Held, f64), Stumble> {
        let begun = self.cx.clock.tick();
        let held = self.ground.open(self.patience()).await?;
        Ok((held, millis_since(begun)))
    }

    /// Holds the connections for as long as the check says and uses them, at a pace of its own: a
    /// statement is due whether or not the one before it was answered. Where that one made it late
    /// its time counts from when it was due, so that a stalling server is not asked less and
    /// forgiven more.
    async fn hold(
        &self,
        watch: &mut G::Watch,
        held: &mut [G::Held],
        tally: &Tally,
    ) -> Result<(), End> {
        let length = self.wish.hold();
        // At least a hundred, below which there is no 99th percentile.
        let count = u32::try_from(length.as_secs() * 20).unwrap_or(u32::MAX).max(100);
        let (pace, begun) = (length / count, self.cx.clock.tick());
        let workers = u32::try_from(held.len()).unwrap_or(u32::MAX).max(1);
        let work = held.iter_mut().zip(0..).map(|(session, first)| async move {
            let mut number = first;
            while number < count {
                let due = begun + pace * number;
                self.statement(session, due, tally).await?;
                number += workers;
            }
            Ok(())
        });
        let watching = async {
            while begun.elapsed() < length {
                let rest = length.saturating_sub(begun.elapsed());
                tokio::time::sleep(rest.min(Duration::from_secs(1))).await;
                let ceiling = self.look(watch).await?;
                if ceiling.free < ceiling.floor {
                    return Err(End::Floor);
                }
            }
            Ok(())
        };
        try_join(Box::pin(try_join_all(work)), Box::pin(watching)).await.map(|_| ())
    }

    async fn statement(&self, held: &mut G::Held, due: Instant, tally: &Tally) -> Result<(), End> {
        let mut begun = due;
        if self.cx.clock.tick() < due {
            tokio::time::sleep_until(due.into()).await;
            // The connection was free: what is late now is this machine, not the server.
            begun = self.cx.clock.tick();
            tally.note(|tally| tally.own_delay.push(millis_since(due)));
        }
        match self.ground.statement(held, self.patience()).await {
            Ok(()) => {
                tally.note(|tally| tally.statement.push(millis_since(begun)));
                Ok(())
            }
            Err(stumble) => Err(self.stumbled(stumble, tally)),
        }
    }

    /// Notes what failed. Silence that was cut off because the check's own time is over says nothing.
    fn stumbled(&self, stumble: Stumble, tally: &Tally) -> End {
        if stumble.key == LOST && self.cx.remaining().is_zero() {
            return End::Time;
        }
        tally.fail(stumble);
        End::Errors
    }

    async fn look(&self, watch: &mut G::Watch) -> Result<Ceiling, End> {
        if let Some(guard) = &self.wish.guard {
            match guard.trips(self.cx, self.patience()).await {
                Ok(false) => {}
                Ok(true) => return Err(End::Guard),
                Err(_) => return Err(End::Blind),
            }
        }
        match self.ground.look(watch, self.patience()).await {
            Ok(view) if view.others_wait => Err(End::Waiting),
            Ok(view) => Ok(view.ceiling),
            Err(_) => Err(End::Blind),
        }
    }

    /// Whether the last step was too slow: by the check's own limit, or against the first step.
    fn too_slow(&self, steps: &[Step]) -> bool {
        let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return false };
        let p99 = |step: &Step| step.statement.and_then(|statement| statement.p99);
        match (p99(first), p99(last), self.wish.max_p99) {
            (_, Some(last), Some(most)) => last > most.get().as_secs_f64() * 1000.0,
            (Some(first), Some(last), None) => last > (first * SLOWER).max(NEVER_SLOW),
            (_, None, _) | (None, Some(_), None) => false,
        }
    }

    /// How many of the ramp's own connections are still there. The other side needs a moment to end
    /// them.
    async fn left(&self, watch: &mut G::Watch, numbers: &[u64]) -> Result<u32, Fault> {
        let patience = self.cx.clock.tick() + Duration::from_secs(2).min(self.cx.remaining() / 2);
        loop {
            let left = self.ground.left(watch, numbers, self.patience()).await?;
            if left == 0 || self.cx.clock.tick() >= patience {
                return Ok(left);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The first step in which the 95th percentile was more than twice that of the first.
fn knee(steps: &[Step]) -> Option<u32> {
    let p95 = |step: &Step| step.statement.map(|statement| statement.p95);
    let first = steps.first().and_then(p95)?;
    // Below a millisecond a doubling is the noise of two schedulers.
    let bent = |step: &&Step| p95(step).is_some_and(|p95| p95 > (first * 2.0).max(1.0));
    steps.iter().find(bent).map(|step| step.held)
}

/// What is needed beside the hold: to open, to look, and to give everything back.
pub(super) fn margin(goal: u32) -> Duration {
    Duration::from_millis(500) + Duration::from_millis(25) * goal
}

/// A limit of which so many are used, this look's own session counted in.
pub(in crate::probe) fn ceiling(of: Limited, limit: u32, used: u32) -> Ceiling {
    let floor = u32::try_from(round_up(FLOOR_SHARE, limit.into())).unwrap_or(limit).max(FLOOR);
    Ceiling { of, limit, free: limit.saturating_sub(used), floor }
}

impl Ceiling {
    /// How many connections can be added before the floor.
    pub(in crate::probe) fn room(&self) -> u32 {
        self.free.saturating_sub(self.floor)
    }
}

/// How many connections are held at each step: 1, 2, 4, … and the last one as planned.
pub(super) fn steps_to(planned: u32) -> Vec<u32> {
    let doubling = std::iter::successors(Some(1_u32), |held| held.checked_mul(2));
    doubling.take_while(|held| *held < planned).chain([planned]).collect()
}

/// What the workers of one step write down, from one future and never across an await.
#[derive(Default)]
struct Tally(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    statement: Vec<f64>,
    own_delay: Vec<f64>,
    errors: BTreeMap<String, u32>,
    first_error: Option<String>,
}

impl Tally {
    fn note(&self, write: impl FnOnce(&mut Notes)) {
        write(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn fail(&self, stumble: Stumble) {
        self.note(|notes| {
            *notes.errors.entry(stumble.key).or_default() += 1;
            notes.first_error.get_or_insert(stumble.words);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;
    use crate::model::id::{CheckId, RunId};
    use crate::model::time::{Span, Window};
    use crate::net::postgres::Services;
    use crate::probe::JudgeCx;

    #[test]
    fn steps_double_up_to_the_plan() {
        for (planned, all) in [
            (1, vec![1]),
            (2, vec![1, 2]),
            (6, vec![1, 2, 4, 6]),
            (8, vec![1, 2, 4, 8]),
            (40, vec![1, 2, 4, 8, 16, 32, 40]),
        ] {
            assert_eq!(steps_to(planned), all);
        }
    }

    /// A server without limits that takes so long for a login, and never says no.
    struct Slow(Duration);

    impl Ground for Slow {
        type Held = ();
        type Watch = ();

        async fn open(&self, limit: Duration) -> Result<(), Stumble> {
            let login = tokio::time::timeout(limit, tokio::time::sleep(self.0));
            login.await.map_err(|_| Stumble::lost("no answer"))
        }

        async fn statement(&self, (): &mut (), _: Duration) -> Result<(), Stumble> {
            Ok(())
        }

        async fn look(&self, (): &mut (), _: Duration) -> Result<View, Fault> {
            Ok(View { ceiling: ceiling(Limited::Server, 1000, 1), others_wait: false })
        }

        async fn close(&self, (): (), _: Duration) {}

        fn number(&self, (): &()) -> Option<u64> {
            None
        }

        async fn left(&self, (): &mut (), _: &[u64], _: Duration) -> Result<u32, Fault> {
            Ok(0)
        }
    }

    fn context(allowance: Duration) -> ProbeCx {
        let (clock, now) = (Clock, Clock.now());
        ProbeCx {
            run: RunId(uuid::Uuid::now_v7()),
            id: CheckId::new("ramp").expect("a good id"),
            item: String::new(),
            operator: None,
            clock,
            times: JudgeCx { now, launch: now, window: Window { from: now, to: now } },
            limit: clock.tick() + allowance,
            allowance,
            base: std::path::PathBuf::new(),
            allow_exec: false,
            passfile: None,
            services: Services::default(),
            signoffs: Arc::new([]),
            people: Arc::default(),
            earlier: Arc::new([]),
            made: None,
        }
    }

    #[tokio::test]
    async fn a_ramp_that_runs_out_of_its_own_time_is_cut_short_and_has_met_no_error() {
        for (allowance, login, held) in [
            // The login is done, and there is no time left to hold it.
            (2000, 1500, 1),
            // The login takes longer than there is time for.
            (2000, 9000, 0),
        ] {
            let cx = context(Duration::from_millis(allowance));
            let hold = Some(Span::from_millis(600));
            let wish = RampWish { max_added: Some(1), hold, max_p99: None, guard: None };
            let ground = Slow(Duration::from_millis(login));
            let ramper = Ramper { cx: &cx, ground: &ground, wish: &wish };
            let plan = Plan { ceiling: ceiling(Limited::Server, 1000, 1), planned: 1 };
            let Ramp::Ran(run) = ramper.run(&mut (), plan).await else { panic!("held back") };
            let step = &run.steps[0];
            assert_eq!((run.end, step.held), (End::Time, held), "{step:?}");
            assert!(step.errors.is_empty() && step.first_error.is_none(), "{step:?}");
        }
    }

    #[test]
    fn a_plan_stays_below_the_tightest_limit() {
        let wish = |max_added| RampWish { max_added, hold: None, max_p99: None, guard: None };
        let (wide, tight) = (ceiling(Limited::Server, 100, 10), ceiling(Limited::Role, 30, 12));
        for (ceilings, max_added, unasked, planned) in [
            (vec![wide, tight], Some(1000), 10, Some(8)),
            (vec![wide], Some(40), 10, Some(40)),
            (vec![wide], None, 10, Some(9)),
            (vec![wide], None, 3, Some(3)),
            (vec![wide], None, 0, None),
            (vec![ceiling(Limited::Server, 10, 1)], Some(1), 10, None),
            (vec![], Some(1), 10, None),
        ] {
            let plan = Plan::below(&ceilings, &wish(max_added), unasked);
            assert_eq!(plan.ok().map(|plan| plan.planned), planned, "{ceilings:?} {max_added:?}");
        }
    }
}
