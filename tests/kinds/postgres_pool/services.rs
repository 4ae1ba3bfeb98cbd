//! `service=` in the URL, against the lab's PostgreSQL.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::net::postgres::Services;
use gonogo::probe::ProbeCx;
use gonogo::probe::postgres_pool::PostgresPool;
use serde_json::{Value, json};

use super::{secret, turn};
use crate::support::{context, lab, look_in};

/// A service file with the lab's server, and more text in its section.
fn file(dir: &Path, more: &str) -> PathBuf {
    let file = dir.join("pg_service.conf");
    let (port, password) = (lab("LAB_PG_PORT"), secret("gonogo"));
    let text = format!(
        "[launch]\nhost=127.0.0.1\nport={port}\nuser=gonogo\npassword={password}\ndbname=game\n{more}\n"
    );
    std::fs::write(&file, text).expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("permissions");
    file
}

#[tokio::test]
async fn a_service_completes_the_url_and_its_password_is_nowhere() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().expect("a directory");
    let named_file = Some(file(dir.path(), "sslmode=require\ntarget_session_attrs=standby"));
    let services = Services { named_file, name: Some("launch".to_owned()), ..Services::default() };
    let cx = ProbeCx { services, ..context(Duration::from_secs(5)) };
    for (url, outcome, code) in [
        // What the service says counts, and what the URL says counts more.
        ("postgres:///?service=launch", Outcome::Fail, "postgres_pool.writable"),
        ("postgres:///?service=&target_session_attrs=primary", Outcome::Pass, "postgres_pool.ok"),
        ("postgres:///nowhere?service=launch", Outcome::Fail, "postgres_pool.no-database"),
        ("postgres:///?service=lunch", Outcome::Unknown, "gonogo.local"),
    ] {
        let looked = look_in::<PostgresPool>(json!({"url": url}), &cx).await;
        assert_eq!(looked.outcome(), outcome, "{url} {:?}", looked.findings);
        assert!(looked.codes(outcome).contains(&code), "{url} {:?}", looked.findings);
        let kept = format!("{:?} {}", looked.findings, json!(looked.seen));
        assert!(!kept.contains(&secret("gonogo")), "{kept}");
        let Some(seen) = looked.seen else { continue };
        assert!(seen.target.starts_with("127.0.0.1:"), "{}", seen.target);
        assert_eq!(seen.role, "gonogo");
    }
}

#[tokio::test]
async fn the_command_line_finds_services_where_psql_does() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().expect("a directory");
    let named = file(dir.path(), "");
    let home = tempfile::tempdir().expect("a home");
    std::fs::copy(&named, home.path().join(".pg_service.conf")).expect("a copy");
    let empty = tempfile::tempdir().expect("a home without");
    let wrong = dir.path().join("wrong.conf");
    std::fs::write(&wrong, "[launch]\nhost=127.0.0.1\nhunter2\n").expect("a file");
    for (url, home, variables, code) in [
        ("postgres:///?service=launch", empty.path(), vec![("PGSERVICEFILE", named.as_path())], 0),
        ("postgres:///?service=launch", home.path(), vec![], 0),
        ("postgres:///?service=launch", empty.path(), vec![("PGSYSCONFDIR", dir.path())], 0),
        ("postgres:///?service=", home.path(), vec![("PGSERVICE", Path::new("launch"))], 0),
        ("postgres:///?service=", home.path(), vec![], 3),
        ("postgres:///?service=launch", empty.path(), vec![], 3),
        ("postgres:///?service=launch", empty.path(), vec![("PGSERVICEFILE", wrong.as_path())], 3),
    ] {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_gonogo"))
            .args(["check", "postgres_pool", url, "-o", "json"])
            .env_clear()
            .env("HOME", home)
            .env("XDG_STATE_HOME", empty.path())
            .envs(variables.clone())
            .output()
            .await
            .expect("the tool runs");
        let record: Value = serde_json::from_slice(&output.stdout).expect("a record");
        assert_eq!(output.status.code(), Some(code), "{url} {variables:?} {record}");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!said.contains(&secret("gonogo")) && !said.contains("hunter2"), "{said}");
        if variables.iter().any(|(_, value)| *value == wrong) {
            assert!(said.contains(&format!("{}:3", wrong.display())), "{said}");
        }
    }
}
