//! TCP keepalives: how soon a connection notices that the other side has gone.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// When the operating system asks whether the other side is still there, as the URL has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Whether it asks at all.
    pub on: bool,
    /// After how much silence it asks first.
    pub idle: Option<Duration>,
    /// How long it waits before it asks again.
    pub interval: Option<Duration>,
    /// How many times it asks in vain.
    pub count: Option<u32>,
}

/// Where the URL says nothing the probe asks early: Linux would wait two hours, longer than every
/// load balancer and translator of addresses on the way keeps a silent connection.
const IDLE: Duration = Duration::from_secs(15);
const INTERVAL: Duration = Duration::from_secs(5);
const COUNT: u32 = 3;

impl Default for Keepalive {
    fn default() -> Self {
        Self { on: true, idle: None, interval: None, count: None }
    }
}

impl Keepalive {
    /// Sets it on a connection.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn set(self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        if !self.on {
            return Ok(());
        }
        let wish = TcpKeepalive::new().with_time(self.idle.unwrap_or(IDLE));
        #[cfg(unix)]
        let wish = wish
            .with_interval(self.interval.unwrap_or(INTERVAL))
            .with_retries(self.count.unwrap_or(COUNT));
        SockRef::from(stream).set_tcp_keepalive(&wish)
    }
}
