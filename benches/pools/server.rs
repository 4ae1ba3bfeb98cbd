//! The bench's own PostgreSQL: a hundred slots, SCRAM, TLS; stopped when dropped.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(crate) const PASSWORD: &str = "bench-of-fifty";

pub(crate) struct Server {
    dir: tempfile::TempDir,
    pub(crate) port: u16,
    child: Child,
}

impl Server {
    pub(crate) fn up() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let bin = programs();
        let (data, password) = (dir.path().join("data"), dir.path().join("password"));
        std::fs::write(&password, PASSWORD).expect("a file");
        certificate(dir.path());
        give(dir.path());
        let port = free_port();
        run(as_server(&bin.join("initdb"))
            .args(["-U", "bench", "-A", "scram-sha-256", "--no-sync", "-D"])
            .arg(&data)
            .arg("--pwfile")
            .arg(&password));
        let set = |name: &str, value: &str| format!("{name}={value}");
        let at = |file: &str| dir.path().join(file).display().to_string();
        let settings = [
            set("port", &port.to_string()),
            set("listen_addresses", "localhost"),
            set("unix_socket_directories", &dir.path().display().to_string()),
            set("max_connections", "100"),
            set("ssl", "on"),
            set("ssl_cert_file", &at("cert.pem")),
            set("ssl_key_file", &at("key.pem")),
            set("fsync", "off"),
        ];
        let mut command = as_server(&bin.join("postgres"));
        let log = std::fs::File::create(dir.path().join("log")).expect("a file");
        command.arg("-D").arg(&data).stdin(Stdio::null()).stderr(log);
        for setting in &settings {
            command.args(["-c", setting]);
        }
        let child = command.spawn().expect("PostgreSQL starts");
        let server = Self { dir, port, child };
        server.answers();
        server
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    /// Waits until it takes connections; it listens a little before that.
    fn answers(&self) {
        for _ in 0..200 {
            let ready = Command::new("pg_isready")
                .args(["-q", "-h", "localhost", "-p", &self.port.to_string()])
                .status();
            if ready.is_ok_and(|status| status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        panic!("PostgreSQL does not answer: {log}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A fast shutdown: clients are not waited for.
        let pid = self.child.id().to_string();
        let _stopped = Command::new("kill").args(["-INT", &pid]).status();
        let _ended = self.child.wait();
    }
}

/// A port that was free a moment ago. Whoever keeps the listener keeps the server from it.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Where the newest server programs are.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let newest = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).max();
    newest.expect("PostgreSQL is installed")
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id runs");
    id.stdout.starts_with(b"0\n")
}

/// PostgreSQL refuses root.
fn as_server(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]).arg(program);
    command
}

fn give(dir: &Path) {
    if is_root() {
        run(Command::new("chown").args(["-R", "nobody:nogroup"]).arg(dir));
        run(Command::new("chmod").arg("go+rx").arg(dir));
    }
}

fn certificate(dir: &Path) {
    run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .arg("-keyout")
        .arg(dir.join("key.pem"))
        .arg("-out")
        .arg(dir.join("cert.pem")));
}

fn run(command: &mut Command) {
    let output = command.output().expect("the program is there");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
