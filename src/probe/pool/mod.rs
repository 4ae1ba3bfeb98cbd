//! What the checks of connection pools share: the launch's demand and what a limit leaves for it, and
//! the ramp.

mod demand;
mod judge_ramp;
mod leftovers;
mod login;
mod peak;
mod picture;
mod ramp;
mod ramp_facts;
mod wish;

pub use demand::{Cut, Demand, Load, Surge};
pub use leftovers::{Cleanup, Namesake};
pub use login::Login;
pub use peak::{Guard, Peak};
pub use picture::Picture;
pub use ramp_facts::{Ceiling, End, HeldBack, Limited, Ramp, Run, Step};
pub use wish::RampWish;

pub(in crate::probe) use demand::budget;
pub(in crate::probe) use judge_ramp::{RampCodes, judge as judge_ramp};
pub(in crate::probe) use leftovers::{
    LeftoverCodes, MOST as MOST_NAMESAKES, complaints as cleanup_complaints, is_run,
    judge as judge_leftovers, propose as propose_cleanup, receipt as cleanup_receipt,
    summary as cleanup_summary,
};
pub(in crate::probe) use ramp::{Ground, Plan, Ramper, Stumble, View, ceiling};
pub(in crate::probe) use wish::Block;
