//! `gonogo check`: one look without a file, through the same road as a checklist.

use anyhow::{Context, anyhow, bail};
use serde_json::{Map, Value, json};

use super::args::{CheckArgs, ColourChoice};
use super::run::Origin;
use super::{env, output, run};
use crate::checklist::load::{Options, from_text};
use crate::checklist::yaml;
use crate::clock::Clock;
use crate::model::text::did_you_mean;
use crate::plan::{Selection, plan};
use crate::probe::{KINDS, KindRow, Target, kind};
use crate::report::{Detail, Format};

/// Looks once.
pub(super) fn run(args: &CheckArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    let outputs = output::parse(&args.output.output)?;
    let row = kind(&args.kind).ok_or_else(|| no_such_kind(&args.kind))?;
    if args.cleanup.is_some() && !row.acts_by("cleanup") {
        bail!("--cleanup: a check of the kind {} leaves no connections behind", row.name);
    }
    let checks = checks(row, args)?;
    let options = Options {
        vars: &[],
        var_files: &[],
        secrets: Some(&env::Secrets),
        launch: args.launch.as_deref(),
    };
    let name = format!("gonogo check {} {}", args.kind, args.targets.join(" "));
    let list = json!({
        "gonogo": 1, "name": name.clone(),
        "steps": [{ "name": row.name, "checks": checks.clone() }],
    });
    let text = serde_yaml::to_string(&list).context("writing the checklist")?;
    let checklist = match from_text("<command line>", &text, &options) {
        Ok((checklist, _)) => checklist,
        Err(invalid) => return Ok(run::refuse(&invalid, choice)),
    };
    let planned = plan(&checklist, &Selection::default(), &Clock.local())
        .map_err(|nothing| anyhow!("{nothing}; {}", nothing.help()))?;
    let code =
        run::carry_out(&planned, Origin::default(), &args.engine, &args.output, &outputs, choice)?;
    let table = outputs.iter().any(|o| o.path.is_none() && o.format == Format::Table);
    if table && env::look(&args.output, choice).detail != Detail::Quiet {
        let yaml = serde_yaml::to_string(&checks).context("writing the YAML")?;
        // A password typed on the command line is not for the screen's history.
        let yaml = checklist.secrets.redact(&yaml);
        output::stdout(
            format!("\n# to keep it, paste into the checks of a step:\n{}\n", yaml.trim_end())
                .as_bytes(),
        )?;
    }
    Ok(code)
}

fn no_such_kind(name: &str) -> anyhow::Error {
    let known = KINDS.iter().map(|row| row.name);
    match did_you_mean(name, known.clone()) {
        Some(near) => anyhow!("there is no kind `{name}`; did you mean `{near}`?"),
        None => {
            anyhow!("there is no kind `{name}`; known are {}", known.collect::<Vec<_>>().join(", "))
        }
    }
}

/// The checks the command line asks for, as a checklist has them.
fn checks(row: &KindRow, args: &CheckArgs) -> anyhow::Result<Vec<Value>> {
    let bodies: Vec<Map<String, Value>> = match row.target {
        Target::List(key) => {
            vec![Map::from_iter([(key.to_owned(), json!(args.targets))])]
        }
        Target::One(key) => args
            .targets
            .iter()
            .map(|target| Map::from_iter([(key.to_owned(), json!(target))]))
            .collect(),
    };
    let many = bodies.len() > 1;
    let mut checks = Vec::new();
    for (n, mut body) in bodies.into_iter().enumerate() {
        if let Some(silent) = args.cleanup {
            body.insert("cleanup".to_owned(), json!(silent));
        }
        for (key, value) in &args.set {
            set(&mut body, key, value_of(key, value)?)?;
        }
        let id = if many { format!("{}-{}", row.name, n + 1) } else { row.name.to_owned() };
        checks.push(json!({ "id": id, (row.name): body }));
    }
    Ok(checks)
}

fn value_of(key: &str, text: &str) -> anyhow::Result<Value> {
    let node = yaml::parse(text, 0)
        .map_err(|problem| anyhow!("--set {key}={text}: {}", problem.message))?;
    Ok(node.shown())
}

/// Sets a value under a dotted key.
fn set(body: &mut Map<String, Value>, key: &str, value: Value) -> anyhow::Result<()> {
    match key.split_once('.') {
        None => {
            body.insert(key.to_owned(), value);
            Ok(())
        }
        Some((first, rest)) => {
            let inner = body.entry(first).or_insert_with(|| Value::Object(Map::new()));
            match inner {
                Value::Object(inner) => set(inner, rest, value),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_) => {
                    bail!("--set {key}: `{first}` is set to something that has no keys")
                }
            }
        }
    }
}
