//! The servers of the bench: an authority, the same with a rate limit, and resolvers.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The zone all names are in.
pub(crate) const ZONE: &str = "bench.example";

/// How many names that do not exist are asked for.
pub(crate) const ABSENT: usize = 2_000;

/// A running authority with everything the bench needs; stopped when dropped.
pub(crate) struct Lab {
    dir: tempfile::TempDir,
    pub(crate) authority: u16,
    pub(crate) limited: u16,
    nsd: Vec<Child>,
}

/// A resolver with an empty cache; stopped when dropped.
pub(crate) struct Resolver {
    pub(crate) port: u16,
    child: Child,
}

impl Lab {
    pub(crate) fn up(names: usize) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut zone = format!(
            "$ORIGIN {ZONE}.\n$TTL 3600\n@ IN SOA ns h 1 3600 600 604800 60\n@ IN NS ns\n\
             ns IN A 127.0.0.1\n"
        );
        let (mut list, mut questions) = (String::new(), String::new());
        for n in 0..names {
            let (high, low) = (n / 250, n % 250 + 1);
            let _ = writeln!(zone, "n{n} IN A 192.0.{high}.{low}\nn{n} IN AAAA 2001:db8::{n:x}");
            let _ = writeln!(list, "n{n}.{ZONE}");
            let _ = writeln!(questions, "n{n}.{ZONE} A\nn{n}.{ZONE} AAAA");
        }
        std::fs::write(dir.path().join("zone"), zone).expect("a file");
        std::fs::write(dir.path().join("names.txt"), list).expect("a file");
        std::fs::write(dir.path().join("questions.txt"), questions).expect("a file");
        let absent: String = (0..ABSENT).map(|n| format!("x{n}.{ZONE} A\n")).collect();
        std::fs::write(dir.path().join("absent.txt"), absent).expect("a file");
        let mut lab = Self { dir, authority: free_port(), limited: free_port(), nsd: Vec::new() };
        for (port, limit) in [(lab.authority, 0), (lab.limited, 200)] {
            let nsd = lab.nsd(port, limit);
            lab.nsd.push(nsd);
            answers(port);
        }
        lab
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn questions(&self) -> PathBuf {
        self.dir().join("questions.txt")
    }

    pub(crate) fn absent(&self) -> PathBuf {
        self.dir().join("absent.txt")
    }

    fn nsd(&self, port: u16, limit: u32) -> Child {
        let dir = self.dir().join(format!("nsd-{port}"));
        std::fs::create_dir(&dir).expect("a directory");
        let at = dir.display();
        let conf = format!(
            "server:\n  ip-address: 127.0.0.1@{port}\n  server-count: 1\n  username: \"\"\n  \
             zonesdir: \"{}\"\n  database: \"\"\n  pidfile: \"{at}/pid\"\n  xfrdfile: \"{at}/xfrd\"\n  \
             xfrdir: \"{at}\"\n  zonelistfile: \"{at}/list\"\n  rrl-ratelimit: {limit}\n\
             remote-control:\n  control-enable: no\nzone:\n  name: {ZONE}\n  zonefile: zone\n",
            self.dir().display()
        );
        let file = dir.join("nsd.conf");
        std::fs::write(&file, conf).expect("a file");
        spawn(Command::new("nsd").arg("-d").arg("-c").arg(file))
    }

    /// A resolver of its own that asks the authority.
    pub(crate) fn resolver(&self) -> Resolver {
        let port = free_port();
        let conf = format!(
            "server:\n  interface: 127.0.0.1@{port}\n  username: \"\"\n  chroot: \"\"\n  \
             directory: \"{0}\"\n  pidfile: \"\"\n  use-syslog: no\n  num-threads: 1\n  \
             do-not-query-localhost: no\n  module-config: iterator\n  msg-cache-size: 32m\n  \
             rrset-cache-size: 64m\nremote-control:\n  control-enable: no\nstub-zone:\n  \
             name: {ZONE}\n  stub-addr: 127.0.0.1@{1}\n",
            self.dir().display(),
            self.authority
        );
        let file = self.dir().join(format!("unbound-{port}.conf"));
        std::fs::write(&file, conf).expect("a file");
        let child = spawn(Command::new("unbound").arg("-d").arg("-c").arg(file));
        answers(port);
        Resolver { port, child }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for child in &mut self.nsd {
            stop(child);
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// Asks the server to end, so that it takes its own children along.
fn stop(child: &mut Child) {
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    let _ = child.wait();
}

fn spawn(command: &mut Command) -> Child {
    // The servers live in sbin, which is not on the PATH of an ordinary user.
    command.env("PATH", "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/bin");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the server is installed")
}

fn free_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    socket.local_addr().expect("an address").port()
}

/// Waits until the server answers.
fn answers(port: u16) {
    for _ in 0..100 {
        let output = Command::new("dig")
            .args(["@127.0.0.1", "-p", &port.to_string(), "+time=1", "+tries=1", "+short"])
            .args([&format!("ns.{ZONE}"), "A"])
            .output()
            .expect("dig is installed");
        if output.stdout.starts_with(b"127.0.0.1") {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the server on port {port} does not answer");
}
