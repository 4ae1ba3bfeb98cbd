//! Asking DNS servers: own messages on own sockets, so that every answer is known by its server,
//! its flags, its times and its extended errors.

mod answer;
mod client;
mod delegation;
mod https;
mod message;
mod pace;
mod present;
mod random;
mod rcode;
mod rtype;
mod run;
mod secure;
mod server;
mod signature;
mod slot;
mod stream;
mod subnet;
mod system;
mod udp;
mod window;

pub use answer::{Answer, Ede, Flag, Link, Soa};
pub use client::{Client, Meta, Patience};
pub use delegation::{Hunt, Zone};
pub use message::{Ask, Checking, Recursion};
pub use pace::{Pace, Rate};
pub use present::{BadRecord, canonical, fqdn, present};
pub use random::fresh_name;
pub use rcode::Rcode;
pub use rtype::Type;
pub use server::{Server, Via};
pub use signature::Signed;
pub use subnet::Subnet;
pub use system::system_servers;
