//! Driving a run: the engine on its runtimes, and an ear for signals from the first check to the
//! last report.

use std::time::Duration;

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::{env, exit};
use crate::engine::{self, Ran};
use crate::model::event::Sink;
use crate::model::record::{Header, Stop};
use crate::plan::Plan;

/// How long checks that are left behind may take to end what they have started, such as a program.
const LEAVE: Duration = Duration::from_millis(300);
/// The stack of a thread that renders reports: as large as that of a process.
const STACK: usize = 8 << 20;

/// What drives a run from its first check to its last report.
///
/// The loop has a runtime of its own, so that no check can keep it from its deadline or from a
/// signal. The first signal ends the checks, and what there is is still reported; the second one
/// leaves at once, whatever is being waited for.
pub(super) struct Driver {
    own: Runtime,
    workers: Runtime,
    ears: Ears,
    /// Whether the first signal has come.
    told: bool,
}

/// The second signal came: nothing more is waited for, and this is the exit code.
pub(super) struct AtOnce(pub(super) u8);

impl Driver {
    /// A driver that listens from now on.
    ///
    /// # Errors
    /// When the system gives no threads, or no ear for signals.
    pub(super) fn new() -> anyhow::Result<Self> {
        let starting = "starting the engine";
        let own = Builder::new_current_thread().enable_all().thread_stack_size(STACK).build();
        let own = own.context(starting)?;
        // On a small machine one check that keeps its thread must not keep it from all others.
        let threads = std::thread::available_parallelism().map_or(1, usize::from).max(4);
        let workers = Builder::new_multi_thread().worker_threads(threads).enable_all().build();
        let ears = own.block_on(async { Ears::open() })?;
        Ok(Self { own, workers: workers.context(starting)?, ears, told: false })
    }

    /// Runs a plan to its record, whole or partial.
    ///
    /// # Errors
    /// When the second signal came before its end.
    pub(super) fn run(
        &mut self,
        planned: &Plan<'_>,
        header: Header,
        mut options: engine::Options,
        sinks: Vec<Box<dyn Sink>>,
    ) -> Result<Ran, AtOnce> {
        options.workers = Some(self.workers.handle().clone());
        let (tell, stop) = watch::channel(None);
        let Self { own, ears, told, .. } = self;
        own.block_on(async {
            let run = engine::run(planned, header, options, sinks, stop);
            tokio::pin!(run);
            loop {
                tokio::select! {
                    ran = &mut run => return Ok(ran),
                    signal = ears.next() => {
                        if *told {
                            return Err(AtOnce(exit::signalled(signal).unwrap_or(exit::INTERRUPTED)));
                        }
                        *told = true;
                        // The engine holds the other end until it is done.
                        let _heard = tell.send(Some(signal));
                    }
                }
            }
        })
    }

    /// Does what is left to do after a run, such as writing its reports: a pipe that nobody reads
    /// cannot hold somebody who wants to leave.
    ///
    /// # Errors
    /// When the second signal came before its end.
    pub(super) fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AtOnce> {
        let Self { own, ears, told, .. } = self;
        own.block_on(async {
            let mut work = tokio::task::spawn_blocking(work);
            loop {
                tokio::select! {
                    done = &mut work => match done {
                        Ok(done) => return Ok(done),
                        Err(error) => std::panic::resume_unwind(error.into_panic()),
                    },
                    signal = ears.next() => {
                        if *told {
                            return Err(AtOnce(exit::signalled(signal).unwrap_or(exit::INTERRUPTED)));
                        }
                        *told = true;
                    }
                }
            }
        })
    }

    /// Lets go of everything. A thread that cannot be interrupted, such as one that reads a file of a
    /// server that is gone, is not waited for.
    pub(super) fn end(self) {
        self.workers.shutdown_timeout(LEAVE);
        self.own.shutdown_background();
    }
}

/// The signals that end a run. One that was ignored when the program was started, as under `nohup`
/// or behind a shell's `&`, stays ignored.
struct Ears {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hang_up: Option<Signal>,
}

impl Ears {
    fn open() -> anyhow::Result<Self> {
        let ignored = env::ignored_signals();
        let open = |kind: SignalKind, name: &str| {
            // Bit 0 stands for signal 1.
            if ignored >> (kind.as_raw_value() - 1) & 1 == 1 {
                return Ok(None);
            }
            signal(kind).map(Some).with_context(|| format!("listening for {name}"))
        };
        Ok(Self {
            interrupt: open(SignalKind::interrupt(), "SIGINT")?,
            terminate: open(SignalKind::terminate(), "SIGTERM")?,
            hang_up: open(SignalKind::hangup(), "SIGHUP")?,
        })
    }

    /// The next signal.
    async fn next(&mut self) -> Stop {
        tokio::select! {
            () = heard(self.interrupt.as_mut()) => Stop::Interrupt,
            () = heard(self.terminate.as_mut()) => Stop::Terminate,
            () = heard(self.hang_up.as_mut()) => Stop::HangUp,
        }
    }
}

async fn heard(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
