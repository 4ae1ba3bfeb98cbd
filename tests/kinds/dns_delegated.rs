//! Kind `dns` from the root down: `authorities: auto` and `resolvers: [system]` in a network of the
//! test's own, where port 53 is free and every address may be used.

use std::process::Command;

use serde_json::Value;

/// Servers of a small Internet, and the command that looks at it. A namespace of users, networks,
/// mounts and processes needs no privilege; all in it ends with the first process.
const INTERNET: &str = r#"
set -eu
PATH=$PATH:/usr/sbin:/sbin
gonogo=$2
cd "$1"
ip link set lo up
for ip in 192.0.2.1 192.0.2.53 198.51.100.53 203.0.113.53 192.0.2.9; do ip addr add "$ip/32" dev lo; done
soa='IN SOA ns h 1 3600 600 604800 60'

mkdir root; cat >root/dot <<Z
. 300 $soa
. 300 IN NS a.root.
a.root. 300 IN A 192.0.2.1
test. 300 IN NS a.root.
Z
sed -i 's/SOA ns h/SOA a.root. h.root./' root/dot
cat >root/test <<Z
\$ORIGIN test.
\$TTL 300
@ IN SOA a.root. h.root. 1 3600 600 604800 60
@ IN NS a.root.
whole IN NS ns1.whole
whole IN NS ns2.whole
ns1.whole IN A 192.0.2.53
ns2.whole IN A 198.51.100.53
alone IN NS ns1.whole
differs IN NS ns1.whole
differs IN NS ns2.whole
lame IN NS ns1.whole
lame IN NS ns3.whole
ns3.whole IN A 203.0.113.53
Z
for place in one two; do
  mkdir $place
  for zone in whole alone differs; do
    {
      printf '$ORIGIN %s.test.\n$TTL 300\n@ %s\n' "$zone" "$soa" |
        sed 's/SOA ns h/SOA ns1.whole.test. h.whole.test./'
      case $zone in
      alone) echo '@ IN NS ns1.whole.test.' ;;
      differs) printf '@ IN NS ns1.whole.test.\n@ IN NS ns4.whole.test.\n' ;;
      whole) printf '@ IN NS ns1\n@ IN NS ns2\nns1 IN A 192.0.2.53\nns2 IN A 198.51.100.53\nns3 IN A 203.0.113.53\nns4 IN A 198.51.100.53\neu IN NS ns3\nus IN NS ns1\nus IN NS ns3\n' ;;
      esac
      echo 'login 60 IN A 192.0.2.10'
    } >$place/$zone
  done
  sed 's/alone/lame/g' $place/alone >$place/lame
done
mkdir three
for zone in eu us; do
  for place in one three; do
    {
      printf '$ORIGIN %s.whole.test.\n$TTL 300\n@ %s\n@ IN NS ns3.whole.test.\n' "$zone" "$soa" |
        sed 's/SOA ns h/SOA ns3.whole.test. h.whole.test./'
      if [ $zone = us ]; then echo '@ IN NS ns1.whole.test.'; fi
      echo 'api 60 IN A 192.0.2.11'
    } >$place/$zone.whole
  done
done

nsd_at() {
  local place=$1 ip=$2 zone
  shift 2
  {
    printf 'server:\n  ip-address: %s@53\n  server-count: 1\n  username: ""\n  zonesdir: "%s/%s"\n' "$ip" "$PWD" "$place"
    printf '  database: ""\n  pidfile: "%s/%s.pid"\n  xfrdfile: "%s/%s.xfrd"\n  xfrdir: "%s"\n  zonelistfile: "%s/%s.list"\n' \
      "$PWD" "$place" "$PWD" "$place" "$PWD" "$PWD" "$place"
    printf 'remote-control:\n  control-enable: no\n'
    for zone; do
      case $zone in
      dot) printf 'zone:\n  name: .\n  zonefile: dot\n' ;;
      test) printf 'zone:\n  name: test\n  zonefile: test\n' ;;
      *) printf 'zone:\n  name: %s.test\n  zonefile: %s\n' "$zone" "$zone" ;;
      esac
    done
  } >$place.conf
  nsd -d -c $place.conf >$place.log 2>&1 &
}
nsd_at root 192.0.2.1 dot test
nsd_at one 192.0.2.53 whole us.whole alone differs lame
nsd_at two 198.51.100.53 whole alone differs
nsd_at three 203.0.113.53 eu.whole us.whole

echo '. 300 IN NS a.root.
a.root. 300 IN A 192.0.2.1' >hints
cat >unbound.conf <<C
server:
  interface: 192.0.2.9@53
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  directory: "$PWD"
  pidfile: ""
  use-syslog: no
  do-ip6: no
  module-config: iterator
  root-hints: "$PWD/hints"
  local-zone: "test." nodefault
remote-control:
  control-enable: no
C
unbound -d -c unbound.conf >unbound.log 2>&1 &

echo 'nameserver 192.0.2.9' >resolv.conf
mount --bind resolv.conf /etc/resolv.conf
n=0
for server in 192.0.2.1 192.0.2.53 198.51.100.53 203.0.113.53; do
  until dig +time=1 +tries=1 +norecurse @$server test SOA >/dev/null; do n=$((n + 1)); [ $n -lt 20 ]; done
done
until [ "$(dig +time=1 +tries=1 +short @192.0.2.9 login.whole.test A)" = 192.0.2.10 ]; do
  n=$((n + 1)); [ $n -lt 20 ]
done
look() {
  local file=$1
  shift
  XDG_STATE_HOME=$PWD/state "$gonogo" check dns "$@" --set 'types=[A]' -o json >$file.json 2>$file.err || true
}
for zone in whole alone differs lame; do
  look $zone login.$zone.test
done
look further login.whole.test api.eu.whole.test
look both api.us.whole.test
"#;

/// The codes of what is not right, each once, and the record.
fn codes(dir: &std::path::Path, zone: &str) -> (Vec<String>, Value) {
    let text = std::fs::read_to_string(dir.join(format!("{zone}.json"))).expect("a record");
    let said = std::fs::read_to_string(dir.join(format!("{zone}.err"))).unwrap_or_default();
    let record: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {said}"));
    let check = record.pointer("/steps/0/checks/0").expect("a check").clone();
    let mut codes: Vec<String> = check["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|finding| finding["outcome"] != "pass")
        .map(|finding| finding["code"].as_str().expect("a code").to_owned())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    (codes, check)
}

/// The authorities that were asked the nth question.
fn asked(check: &Value, n: usize) -> Vec<&str> {
    let authorities = check["observation"]["questions"][n]["authorities"].as_array();
    let authorities = authorities.expect("authorities");
    authorities.iter().filter_map(|a| a["server"].as_str()).collect()
}

#[test]
fn delegations_are_followed_from_the_root_and_judged() {
    // Root needs no user namespace, and some machines let nobody make one.
    let user: &[&str] =
        if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(user).args(["--net", "--mount", "--pid", "--fork"]);
        command.args(["--mount-proc", "--kill-child"]);
        command
    };
    let own = unshare().arg("true").status().is_ok_and(|status| status.success());
    assert!(own, "this machine lets us make no network of our own (unshare, of util-linux)");
    let dir = tempfile::tempdir().expect("a directory");
    let output = unshare()
        .args(["timeout", "60", "bash", "-c", INTERNET, "internet"])
        .arg(dir.path())
        .arg(env!("CARGO_BIN_EXE_gonogo"))
        .output()
        .expect("unshare runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");

    let (found, whole) = codes(dir.path(), "whole");
    assert_eq!(found, [""; 0], "{whole:#}");
    let observation = &whole["observation"];
    assert_eq!(observation["resolvers"][0]["server"], "192.0.2.9", "by /etc/resolv.conf");
    assert_eq!(asked(&whole, 0), ["192.0.2.53", "198.51.100.53"], "by the delegation");

    // The zone of the first name refers to that of the second.
    let (found, further) = codes(dir.path(), "further");
    assert_eq!(found, ["dns.few-servers"], "{further:#}");
    assert_eq!(asked(&further, 0), ["192.0.2.53", "198.51.100.53"]);
    assert_eq!(asked(&further, 1), ["203.0.113.53"]);
    // The first server has the zones on both sides of the cut, and refers to nobody.
    let (found, both) = codes(dir.path(), "both");
    assert_eq!(found, [""; 0], "{both:#}");
    assert_eq!(asked(&both, 0), ["192.0.2.53", "203.0.113.53"]);

    for (zone, wanted) in
        [("alone", "dns.few-servers"), ("differs", "dns.delegation-differs"), ("lame", "dns.lame")]
    {
        let (found, check) = codes(dir.path(), zone);
        assert!(found.iter().any(|code| code == wanted), "{zone}: {found:?} {check:#}");
    }
}
