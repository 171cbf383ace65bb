//! From a CSV file to a leaderboard, a model file and predictions:
//!
//! ```text
//! automl TRAIN.csv --target NAME [--seconds 30] [--trials N] [--metric NAME] [--seed N] [--hold-out SHARE]
//!        [--test TEST.csv --predictions OUT.csv] [--model OUT.rhiza] [--latency] [--quiet]
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::time::{Duration, Instant};

use rhiza_learn::automl::{Event, Settings, run};
use rhiza_learn::model::Model;
use rhiza_learn::prepare::Cell;
use rhiza_learn::search::Family;
use rhiza_learn::table::{CsvOptions, Kind, Table};

#[expect(clippy::disallowed_methods, reason = "an example has a clock")]
fn now() -> Instant {
    Instant::now()
}

/// How long single rows take: the whole blend, and the boosted trees in it alone.
#[expect(clippy::print_stdout, reason = "an example talks to people")]
fn latency(model: &Model, table: &Table) -> Result<(), Box<dyn Error>> {
    let boosted = model.members().iter().position(|member| member.config.family() == Family::Boost);
    let alone = boosted.and_then(|member| model.alone(member));
    for (name, model) in [("blend", Some(model)), ("boosted trees alone", alone.as_ref())] {
        let Some(model) = model else { continue };
        let columns = model.sources().iter().map(|s| table.column(&s.name)).collect::<Result<Vec<_>, _>>()?;
        let mut times: Vec<Duration> = Vec::new();
        for number in 0..10_000 {
            let cells: Vec<Cell<'_>> = columns.iter().map(|c| Cell::of(c, number % table.rows())).collect();
            let begun = now();
            std::hint::black_box(model.predict_row(&cells)?);
            times.push(begun.elapsed());
        }
        times.sort();
        println!("{name}: one row in {:.1?} (median), {:.1?} (p99)", times[5_000], times[9_900]);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example talks to people")]
fn main() -> Result<(), Box<dyn Error>> {
    let begun = now();
    let mut arguments = std::env::args().skip(1);
    let train = arguments.next().ok_or("which CSV file?")?;
    let mut options: HashMap<String, String> = HashMap::new();
    while let Some(name) = arguments.next() {
        let value =
            if name == "--quiet" || name == "--latency" { String::new() } else { arguments.next().unwrap_or_default() };
        options.insert(name, value);
    }
    let quiet = options.contains_key("--quiet");
    let target = options.get("--target").ok_or("--target: which column?")?;
    let seconds: f64 = options.get("--seconds").map_or(Ok(30.0), |text| text.parse())?;
    let mut settings = Settings::new(target.as_str());
    settings.trials = options.get("--trials").map(|text| text.parse()).transpose()?.or(Some(100_000));
    settings.metric = options.get("--metric").map(|text| text.parse()).transpose()?;
    settings.seed = options.get("--seed").map_or(Ok(0), |text| text.parse())?;
    settings.hold_out = options.get("--hold-out").map_or(Ok(0.2), |text| text.parse())?;
    let kinds = options.get("--classes").map(|_| (target.clone(), Kind::Categorical)).into_iter().collect();
    let table = Table::from_csv(&std::fs::read(&train)?, &CsvOptions { kinds, ..CsvOptions::default() })?.table;
    // What is left for the blend.
    let limit = Duration::from_secs_f64(seconds * 0.93);
    let stop = move || begun.elapsed() > limit;
    let mut first = None;
    let outcome = run(&table, &settings, &[], &stop, &mut |event| {
        if let Event::Finished(trial) = event {
            if trial.number > 0 {
                first.get_or_insert_with(|| begun.elapsed());
            }
            if !quiet {
                let score = trial.score().map_or("failed".to_owned(), |score| format!("{score:.5}"));
                println!("{:7.2} s  {:3}  {score:>9}  {:?}", begun.elapsed().as_secs_f64(), trial.number, trial.config);
            }
        }
    })?;
    println!("trials {}, first scored after {:.2?}", outcome.trials.len(), first.unwrap_or_default());
    for standing in outcome.leaderboard.iter().filter(|s| s.rank <= 10 || s.weight > 0.0) {
        let config = &outcome.trials[standing.trial].config;
        println!("{:3}  {:.5}  weight {:.3}  {config:?}", standing.rank, standing.score, standing.weight);
    }
    println!("blend {} = {:.5}", outcome.plan.metric, outcome.score);
    if let Some(report) = &outcome.hold_out {
        println!("hold-out of {} rows: {:?}", report.rows, report.scores);
        println!("coverage asked {}, seen {:.3}", report.coverage_asked, report.coverage_seen);
    }
    if let Some(path) = options.get("--model") {
        std::fs::write(path, outcome.model.save()?)?;
    }
    if let (Some(test), Some(path)) = (options.get("--test"), options.get("--predictions")) {
        let table = Table::from_csv(&std::fs::read(test)?, &CsvOptions::default())?.table;
        let said = outcome.model.predict(&table)?;
        let mut text = if said.labels.is_empty() { "prediction".to_owned() } else { outcome.model.classes().join(",") };
        for row in said.values.chunks_exact(said.width) {
            let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
            text += "\n";
            text += &cells.join(",");
        }
        std::fs::write(path, text)?;
    }
    if options.contains_key("--latency") {
        latency(&outcome.model, &table)?;
    }
    println!("{:.2} s in all", begun.elapsed().as_secs_f64());
    Ok(())
}
