//! The recipes of the manual: their YAML is YAML, and every script in them does what it says.

use serde_json::Value;

use crate::support::{Desk, Ran, closed_port, list, listener, tcp};

fn recipe(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every document of a YAML file.
fn documents(name: &str) -> Vec<Value> {
    let text = recipe(name);
    text.split("\n---\n").map(|part| serde_yaml::from_str(part).expect(name)).collect()
}

/// Every text below a key, wherever it stands.
fn below(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                if name == key {
                    let texts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                    found.extend(texts.iter().filter_map(Value::as_str).map(str::to_owned));
                } else {
                    below(value, key, found);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| below(value, key, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The scripts of a recipe that run the tool, in their order.
fn scripts(name: &str, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    for document in documents(name) {
        below(&document, key, &mut found);
    }
    found.retain(|script| script.contains("gonogo "));
    assert!(!found.is_empty(), "{name} runs nothing");
    found
}

/// A folder with a list of four checks, all of which answer or one of which does not.
fn desk(bad: bool) -> (Desk, Vec<std::net::TcpListener>) {
    let desk = Desk::new();
    let (listeners, ports): (Vec<_>, Vec<_>) = (0..4).map(|_| listener()).unzip();
    let mut ports: Vec<u16> = ports;
    if bad {
        ports[2] = closed_port();
    }
    let names = ["a", "b", "c", "d"];
    let checks: Vec<(&str, String)> =
        names.into_iter().zip(ports).map(|(name, port)| (name, tcp(port))).collect();
    desk.write("launch.yaml", list(&checks));
    (desk, listeners)
}

/// Runs a script as the host's shell would: ended by the first command that fails.
fn sh(desk: &Desk, script: &str, env: &[(&str, &str)]) -> Ran {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_gonogo"));
    let path = format!("{}:/usr/bin:/bin", program.parent().expect("a folder").display());
    let mut command = std::process::Command::new("sh");
    command.args(["-e", "-c", script]).current_dir(desk.path(".")).env_clear();
    command.env("PATH", path).env("HOME", desk.path("."));
    command.envs(env.iter().copied());
    Ran::of(&command.output().expect("a shell"))
}

#[test]
fn a_gate_of_each_host_passes_and_stops() {
    let jenkins = recipe("Jenkinsfile");
    let quoted = jenkins.split('\'').find(|text| text.starts_with("gonogo ")).expect("a command");
    let gates = [
        scripts("github.yml", "run"),
        scripts("gitlab.yml", "script").into_iter().take(2).collect(),
        vec![quoted.to_owned()],
    ];
    for gate in gates {
        for (bad, code) in [(false, 0), (true, 1)] {
            let (desk, _listeners) = desk(bad);
            let ran = sh(&desk, &gate.join("\n"), &[]);
            assert_eq!(ran.code, Some(code), "{gate:?}: {}", ran.stderr);
            assert!(desk.read("out/junit.xml").contains("<testsuite"), "{gate:?}");
        }
    }
}

#[test]
fn shards_of_each_host_are_merged_to_the_verdict_of_the_whole() {
    let gitlab = scripts("gitlab.yml", "script");
    for mut parts in [
        scripts("github-shards.yml", "run"),
        gitlab[2..].to_vec(),
        scripts("kubernetes.yaml", "args"),
    ] {
        let merge = parts.pop().expect("the merge");
        let shard = parts.pop().expect("the shard");
        for (bad, lost, code) in [(false, None, 0), (true, None, 1), (false, Some(2), 3)] {
            let (desk, _listeners) = desk(bad);
            for part in (1..=3).filter(|part| Some(*part) != lost) {
                let (part, index) = (part.to_string(), (part - 1).to_string());
                let env = [
                    ("SHARD", part.as_str()),
                    ("CI_NODE_INDEX", &part),
                    ("CI_NODE_TOTAL", "3"),
                    ("JOB_COMPLETION_INDEX", &index),
                ];
                let ran = sh(&desk, &shard, &env);
                assert_eq!(ran.code, Some(0), "{shard}: {}", ran.stderr);
            }
            let ran = sh(&desk, &merge, &[]);
            assert_eq!(ran.code, Some(code), "{merge}: {} {}", ran.stdout, ran.stderr);
        }
    }
}

#[test]
fn the_kubernetes_recipe_is_an_indexed_job_that_is_not_repeated() {
    let documents = documents("kubernetes.yaml");
    for job in &documents {
        assert_eq!((&job["apiVersion"], &job["kind"]), (&"batch/v1".into(), &"Job".into()));
        assert_eq!(job["spec"]["backoffLimit"], 0);
        assert_eq!(job["spec"]["template"]["spec"]["restartPolicy"], "Never");
    }
    let spec = &documents[0]["spec"];
    assert_eq!(
        (&spec["completionMode"], &spec["completions"], &spec["parallelism"]),
        (&"Indexed".into(), &3.into(), &3.into())
    );
}
