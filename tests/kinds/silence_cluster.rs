//! Alertmanagers of a test's own: real ones, on free ports, that can be stopped and cut off.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gonogo::net::alertmanager::{Alertmanager, Silence};
use gonogo::net::http::{Access, Client, Exchange, HttpUrl, Limits, Request};
use gonogo::probe::silence::ending::Ending;
use serde_json::{Value, json};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);
const ASK: Duration = Duration::from_secs(5);

/// How an Alertmanager is set up.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) config: String,
    /// Exporter-toolkit's own: certificates and users.
    pub(crate) web_config: Option<String>,
    /// Such as `/am`; empty for none.
    pub(crate) prefix: &'static str,
    /// What stands before the address: `http://`, or `https://` with a user.
    pub(crate) before: &'static str,
    pub(crate) access: Access,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            config: "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n".to_owned(),
            web_config: None,
            prefix: "",
            before: "http://",
            access: Access::default(),
        }
    }
}

/// One Alertmanager, stopped when it is dropped.
pub(crate) struct Member {
    setup: Setup,
    child: Option<Child>,
    dir: TempDir,
    web: SocketAddr,
    gossip: SocketAddr,
}

/// Alertmanagers that know each other.
pub(crate) struct Cluster {
    pub(crate) members: Vec<Member>,
}

/// A port of the loopback that is free for TCP and UDP.
fn free() -> SocketAddr {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = tcp.local_addr().expect("its address");
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

impl Member {
    fn new(setup: Setup) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("alertmanager.yml"), &setup.config).expect("a file");
        if let Some(web) = &setup.web_config {
            std::fs::write(dir.path().join("web.yml"), web).expect("a file");
        }
        Self { setup, child: None, dir, web: free(), gossip: free() }
    }

    /// Starts it, joined to the others.
    fn start(&mut self, peers: &[SocketAddr]) {
        let binary = ["/usr/bin/prometheus-alertmanager", "/usr/bin/alertmanager"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .unwrap_or("alertmanager");
        let dir = self.dir.path();
        let log = std::fs::File::create(dir.join("log")).expect("a log");
        let mut command = Command::new(binary);
        command
            .arg(format!("--config.file={}", dir.join("alertmanager.yml").display()))
            .arg(format!("--storage.path={}", dir.display()))
            .arg(format!("--web.listen-address={}", self.web))
            .arg(format!("--cluster.listen-address={}", self.gossip))
            .arg(format!("--cluster.advertise-address={}", self.gossip))
            .args(["--cluster.gossip-interval=20ms", "--cluster.pushpull-interval=500ms"])
            .args(["--cluster.reconnect-interval=200ms", "--cluster.settle-timeout=100ms"])
            .args(["--cluster.peer-timeout=1s"])
            .stdout(Stdio::null())
            .stderr(log);
        if self.setup.web_config.is_some() {
            command.arg(format!("--web.config.file={}", dir.join("web.yml").display()));
        }
        if !self.setup.prefix.is_empty() {
            command.arg(format!("--web.route-prefix={}", self.setup.prefix));
        }
        for peer in peers.iter().filter(|peer| **peer != self.gossip) {
            command.arg(format!("--cluster.peer={peer}"));
        }
        self.child = Some(command.spawn().expect("an Alertmanager; is it installed?"));
        // Two that begin at the same moment may both find nobody, and would try again only after
        // fifteen seconds.
        #[expect(clippy::disallowed_methods, reason = "a test may wait by the clock")]
        let begun = Instant::now();
        while std::net::TcpStream::connect(self.gossip).is_err() {
            assert!(begun.elapsed() < LIMIT, "an Alertmanager does not listen to others");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can be ended");
            child.wait().expect("it has ended");
        }
    }

    /// Removes what it has written down.
    pub(crate) fn forget(&self) {
        for file in ["silences", "nflog"] {
            let _absent = std::fs::remove_file(self.dir.path().join(file));
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}{}{}", self.setup.before, self.web, self.setup.prefix)
    }

    /// The product's own client for it.
    pub(crate) async fn api(&self) -> Alertmanager {
        let url: HttpUrl = self.url().parse().expect("a URL");
        Alertmanager::find(&url, &self.setup.access, ASK).await.expect("an address")
    }

    /// Its silences that are not over.
    pub(crate) async fn silences(&self) -> Vec<Silence> {
        self.api().await.silences(ASK).await.expect("silences").to_vec()
    }

    async fn is_ready(&self, peers: usize) -> bool {
        let Ok(status) = self.api().await.status(ASK).await else { return false };
        let known = status.cluster.peers.unwrap_or_default().len();
        status.cluster.status == "ready" && known == peers
    }

    /// Lets alerts fire for an hour.
    pub(crate) async fn fire(&self, labels: &[Value]) {
        let url: HttpUrl = format!("{}/api/v2/alerts", self.url()).parse().expect("a URL");
        let client = Client::new(&url, &[self.web], &self.setup.access).await.expect("a client");
        let ends = jiff_in(3600);
        let alerts: Value =
            labels.iter().map(|labels| json!({ "labels": labels, "endsAt": ends })).collect();
        let ask =
            Request { method: reqwest::Method::POST, json: Some(&alerts), ..Request::get(&url) };
        let limits = Limits { time: ASK, bytes: 1 << 20 };
        match client.send(&ask, limits).await {
            Ok(Exchange::Answered(answer)) if answer.status == 200 => {}
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An instant so many seconds from now, RFC 3339.
pub(crate) fn jiff_in(seconds: i64) -> String {
    let now = gonogo::clock::Clock.now();
    (now + jiff::SignedDuration::from_secs(seconds)).to_string()
}

/// The ending of a silence by a test.
pub(crate) fn ending() -> Ending {
    Ending::new(gonogo::clock::Clock.now(), "a test", "it is tested")
}

/// Waits until a condition holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    #[expect(clippy::disallowed_methods, reason = "a test may wait by the clock")]
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < LIMIT, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Cluster {
    /// Starts so many, each knowing all others.
    pub(crate) async fn of(members: usize) -> Self {
        Self::with(members, Setup::default()).await
    }

    /// The same, set up as the test wants it.
    pub(crate) async fn with(members: usize, setup: Setup) -> Self {
        let mut cluster =
            Self { members: (0..members).map(|_| Member::new(setup.clone())).collect() };
        for n in 0..members {
            cluster.start(n);
        }
        cluster.settled(members).await;
        cluster
    }

    /// Starts a member that was ended.
    pub(crate) fn start(&mut self, n: usize) {
        let peers: Vec<SocketAddr> = self.members.iter().map(|member| member.gossip).collect();
        self.members[n].start(&peers);
    }

    /// Starts a member that was ended, knowing nobody.
    pub(crate) fn start_alone(&mut self, n: usize) {
        self.members[n].start(&[]);
    }

    /// Waits until all that run know so many, themselves included.
    pub(crate) async fn settled(&self, peers: usize) {
        for member in self.members.iter().filter(|member| member.child.is_some()) {
            until("the cluster to settle", || member.is_ready(peers)).await;
        }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.members.iter().map(Member::url).collect()
    }

    /// Lets alerts fire on all members, as Prometheus does.
    pub(crate) async fn fire(&self, labels: &[Value]) {
        for member in self.members.iter().filter(|member| member.child.is_some()) {
            member.fire(labels).await;
        }
    }
}
