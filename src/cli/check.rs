//! `gonogo check`: one look without a file, through the same road as a checklist.

use anyhow::{Context, anyhow, bail};
use serde_json::{Map, Value, json};

use super::args::{CheckArgs, ColourChoice};
use super::run::Origin;
use super::{env, exit, output, run};
use crate::checklist::interpolate::without_passwords;
use crate::checklist::load::{Invalid, Options, from_text};
use crate::checklist::yaml;
use crate::clock::Clock;
use crate::model::node::Problem;
use crate::model::text::did_you_mean;
use crate::model::time::parse_instant;
use crate::plan::{Selection, plan};
use crate::probe::mysql_pool::MysqlPool;
use crate::probe::postgres_pool::PostgresPool;
use crate::probe::redis::Redis;
use crate::probe::roster::Roster;
use crate::probe::{KINDS, KindRow, Probe, Target, kind};
use crate::report::{Detail, Format};

/// Looks once.
pub(super) fn run(args: &CheckArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    let outputs = output::parse(&args.output.output)?;
    let row = kind(&args.kind).ok_or_else(|| no_such_kind(&args.kind))?;
    if args.cleanup.is_some() && !row.acts_by("cleanup") {
        bail!("--cleanup: a check of the kind {} leaves no connections behind", row.name);
    }
    if row.name == Roster::KIND {
        bail!("a check of the kind roster looks at the `people` of a list, and here there is none");
    }
    if let Some(launch) = &args.launch {
        parse_instant(launch).map_err(|error| anyhow!("--launch: {error}"))?;
    }
    let mut checks = checks(row, args)?;
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
    let (checklist, sources) = match from_text("<command line>", &text, &options) {
        Ok(loaded) => loaded,
        Err(invalid) => return Ok(refuse(&invalid, row, args, choice)),
    };
    run::warn_of_ordinary_secrets(&checklist.secrets, &sources);
    let planned = plan(&checklist, &Selection::default(), &Clock.local())
        .map_err(|nothing| anyhow!("{nothing}; {}", nothing.help()))?;
    let code =
        run::carry_out(&planned, Origin::default(), &args.engine, &args.output, &outputs, choice)?;
    let table = outputs.iter().any(|o| o.path.is_none() && o.format == Format::Table);
    if table && env::look(&args.output, choice).detail != Detail::Quiet {
        // A password typed on the command line is not for the screen's history, nor for a file.
        let variable = password_variable(row.name);
        let mut typed = false;
        for check in &mut checks {
            typed |= refer(check, &format!("${{env:{variable}}}"));
        }
        let set =
            if typed { format!("set {variable} to the password, and ") } else { String::new() };
        let yaml = serde_yaml::to_string(&checks).context("writing the YAML")?;
        let yaml = checklist.secrets.redact(&yaml);
        output::stdout(
            format!("\n# to keep it, {set}paste into the checks of a step:\n{}\n", yaml.trim_end())
                .as_bytes(),
        )?;
    }
    Ok(code)
}

/// The environment variable that a kind's own clients take a password from.
fn password_variable(kind: &str) -> &'static str {
    match kind {
        PostgresPool::KIND => "PGPASSWORD",
        MysqlPool::KIND => "MYSQL_PWD",
        Redis::KIND => "REDISCLI_AUTH",
        _ => "PASSWORD",
    }
}

/// Puts a reference in the place of every password that is typed into a URL; says whether there was one.
fn refer(value: &mut Value, reference: &str) -> bool {
    match value {
        Value::String(text) => match without_passwords(text, reference) {
            Some(clean) => {
                *text = clean;
                true
            }
            None => false,
        },
        Value::Array(items) => {
            items.iter_mut().fold(false, |any, item| refer(item, reference) | any)
        }
        Value::Object(map) => {
            map.values_mut().fold(false, |any, item| refer(item, reference) | any)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Shows every mistake by the word of the command line it is in: nobody wrote the list made of them.
fn refuse(invalid: &Invalid, row: &KindRow, args: &CheckArgs, choice: ColourChoice) -> u8 {
    for problem in &invalid.problems {
        let word =
            word_of(invalid, problem, row, args).map_or_else(String::new, |word| word + ": ");
        super::complain(&anyhow!("{word}{}", problem.message), choice);
        if let Some(help) = &problem.help {
            output::stderr(&format!("help: {help}"));
        }
    }
    exit::USAGE
}

/// The word of the command line that a mistake is in, where it is in one.
fn word_of(
    invalid: &Invalid,
    problem: &Problem,
    row: &KindRow,
    args: &CheckArgs,
) -> Option<String> {
    let (Target::One(main) | Target::List(main)) = row.target;
    let text = &invalid.sources.file(problem.place.file)?.text;
    let text = text.get(problem.place.start..problem.place.end)?.trim().trim_matches(['\'', '"']);
    let is_set = |(key, value): &&(String, String)| {
        text == value.as_str() || key.split('.').any(|part| part == text)
    };
    let set = args.set.iter().find(is_set).map(|(key, _)| format!("--set {key}"));
    let is_target = text == main || args.targets.iter().any(|target| target == text);
    set.or_else(|| is_target.then(|| "TARGET".to_owned()))
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
