//! What the tests of the command line share: a process in a folder of its own, and listeners.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A folder of its own, with a home and a state folder in it.
pub(crate) struct Desk {
    folder: TempDir,
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }

    /// The program, in this folder, with an environment of nothing but this folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gonogo"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.folder.path())
            .env("USER", "tester")
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn gonogo(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().expect("the program starts"))
    }

    /// Runs a list with `-o json`, and gives its exit code and record.
    pub(crate) fn record(
        &self,
        list: &str,
        arguments: &[&str],
    ) -> (Option<i32>, serde_json::Value) {
        self.write("list.yaml", list);
        let mut all = vec!["run", "list.yaml", "-o", "json"];
        all.extend(arguments);
        let ran = self.gonogo(&all);
        let record = serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|error| panic!("{error}: {} {}", ran.stdout, ran.stderr));
        (ran.code, record)
    }

    /// The event logs in the state folder.
    pub(crate) fn logs(&self) -> Vec<PathBuf> {
        let folder = self.path(".local/state/gonogo/runs");
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        let mut logs: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        logs.sort();
        logs
    }
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout.clone()).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr.clone()).expect("UTF-8"),
        }
    }
}

/// The check of an id in a record.
pub(crate) fn check<'a>(record: &'a serde_json::Value, id: &str) -> &'a serde_json::Value {
    let steps = record["steps"].as_array().expect("steps");
    let mut checks = steps.iter().flat_map(|step| step["checks"].as_array().expect("checks"));
    checks.find(|check| check["id"] == id).unwrap_or_else(|| panic!("no check {id}"))
}

/// A listener that accepts connections as long as it lives (the kernel does it for it).
pub(crate) fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// A port that nobody listens on: it is bound, and that is all, so that nobody else is given it while
/// this process lives.
pub(crate) fn closed_port() -> u16 {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).expect("a port");
    let address = socket.local_addr().expect("an address").as_socket().expect("of this family");
    std::mem::forget(socket);
    address.port()
}

/// A list of one step with these checks, each `id: body`.
pub(crate) fn list<Id: std::fmt::Display>(checks: &[(Id, String)]) -> String {
    let mut text = String::from("gonogo: 1\nname: Test\nsteps:\n  - name: Step\n    checks:\n");
    for (id, body) in checks {
        text.push_str(&format!("      - {{ id: {id}, {body} }}\n"));
    }
    text
}

/// A `tcp` check of a port on loopback.
pub(crate) fn tcp(port: u16) -> String {
    format!("tcp: {{ endpoint: \"127.0.0.1:{port}\" }}")
}

/// A `command` check that runs a shell line.
pub(crate) fn shell(line: &str) -> String {
    format!("command: {{ run: [sh, -c, {line:?}] }}")
}

/// Waits until a condition holds, at most ten seconds.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if condition() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{what} did not happen within ten seconds");
}

/// Sends a signal such as `-INT` to a run.
pub(crate) fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill");
    assert!(sent.success(), "{signal}");
}

/// Whether there is a process whose whole command line fits a pattern.
pub(crate) fn is_running(pattern: &str) -> bool {
    let found = Command::new("pgrep").args(["-f", pattern]).output().expect("pgrep (procps)");
    !found.stdout.is_empty()
}

/// Compares a text with a golden file; `GONOGO_UPDATE=1` writes it instead.
#[expect(clippy::disallowed_methods, reason = "the person running the tests says so")]
pub(crate) fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/golden").join(name);
    if std::env::var_os("GONOGO_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let mut file = std::fs::File::create(&path).expect("a file");
        file.write_all(text.as_bytes()).expect("written");
        return;
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, known, "{} differs", path.display());
}

/// The program under a limit, such as `--nofile=40:40`: soft and hard, as prlimit takes it.
pub(crate) fn limited(desk: &Desk, limit: &str, arguments: &[&str]) -> Ran {
    let own = desk.command(&[]);
    let output = Command::new("prlimit")
        .arg(limit)
        .arg(own.get_program())
        .args(arguments)
        .current_dir(desk.path("."))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", desk.path("."))
        .output()
        .expect("prlimit (util-linux)");
    Ran::of(&output)
}

/// A command that runs another in namespaces of its own: `-m` for mounts, `-n` for the network. Whoever
/// is not root becomes root in a namespace of users first.
pub(crate) fn unshared(what: &str) -> Command {
    let mut command = Command::new("unshare");
    if rustix::process::geteuid().is_root() {
        command.arg(format!("-{what}"));
    } else {
        command.arg(format!("-Ur{what}"));
    }
    command
}

/// Runs the program with a disk of its own mounted at `disk`, which is also where its state goes, after
/// a shell line has prepared it. What the disk has in the end is copied to `left`.
pub(crate) fn on_a_disk(desk: &Desk, options: &str, prepare: &str, arguments: &[&str]) -> Ran {
    std::fs::create_dir(desk.path("disk")).expect("a folder");
    let line = format!(
        "mount -t tmpfs -o {options} none disk || exit 99; {{ {prepare}; }} >&- 2>&-\n\
         \"$@\"; code=$?; cp -r disk left; exit $code"
    );
    let own = desk.command(&[]);
    let output = unshared("m")
        .args(["sh", "-c", &line, "sh"])
        .arg(own.get_program())
        .args(arguments)
        .current_dir(desk.path("."))
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("XDG_STATE_HOME", desk.path("disk"))
        .stdin(Stdio::null())
        .output()
        .expect("unshare (util-linux)");
    assert_ne!(
        output.status.code(),
        Some(99),
        "mounting: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ran::of(&output)
}
