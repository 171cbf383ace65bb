//! Times the trees of this crate beside their peers; `bench/trees.py` writes the data, calls this and compares.
//!
//! `trees boost SETTINGS` reads `key=value` settings: `train`, `truth`, `test` (files of little-endian f64, column by column),
//! `rows`, `test_rows`, `columns`, `categorical` (numbers of columns, comma between), and the parameters; it writes raw outputs
//! of the test rows to `out` and prints what was measured as JSON. With `save`, the model is written to a file.
//!
//! `trees onnx model=FILE [labels=a,b] out=FILE` reads a foreign model and writes it as ONNX.
//!
//! `trees predict model=FILE test=… test_rows=… columns=…` loads a model file and times loading it (ready for
//! prediction), single rows and a batch.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "its output is what was measured")]

use rhiza_learn::boost::{self, Loss, Params, RowSampling};
use rhiza_learn::evaluate::Predictor;
use rhiza_learn::matrix::{Column, Matrix, Target};
use rhiza_learn::stop::Never;
use rhiza_learn::{format, import, onnx};
use std::collections::HashMap;
use std::error::Error;
use std::time::Instant;

type Settings = HashMap<String, String>;

fn main() -> Result<(), Box<dyn Error>> {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let settings: Settings = std::env::args()
        .skip(1)
        .filter_map(|arg| arg.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())))
        .collect();
    let threads = number(&settings, "threads", 2.0)? as usize;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    match mode.as_str() {
        "boost" => train(&settings),
        "predict" => predict(&settings),
        "onnx" => to_onnx(&settings),
        other => Err(format!("mode {other:?}? boost, predict or onnx").into()),
    }
}

fn to_onnx(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let imported = import::read(&std::fs::read(text(settings, "model")?)?)?;
    let labels = match settings.get("labels") {
        Some(list) => onnx::Labels::Names(list.split(',').map(str::to_owned).collect()),
        None => onnx::Labels::None,
    };
    std::fs::write(text(settings, "out")?, onnx::export(&imported.ensemble, &labels)?)?;
    Ok(())
}

fn predict(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let file = std::fs::read(text(settings, "model")?)?;
    let mut loads = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        let predictor = format::read_predictor(&file)?;
        loads.push(start.elapsed().as_secs_f64());
        drop(predictor);
    }
    let predictor = format::read_predictor(&file)?;
    let start = Instant::now();
    let ensemble = predictor.ensemble().clone();
    let unpack = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let predictor = Predictor::new(ensemble)?;
    let prepare = start.elapsed().as_secs_f64();
    drop(predictor);
    let predictor = format::read_predictor(&file)?;
    let test = matrix(settings, "test", "test_rows")?.to_rows();
    let width = predictor.features().len();
    let mut raw = vec![0.0; predictor.outputs()];
    let mut singles = Vec::new();
    for row in test.chunks(width) {
        let start = Instant::now();
        predictor.raw(row, &mut raw)?;
        singles.push(start.elapsed().as_secs_f64());
    }
    singles.sort_by(f64::total_cmp);
    loads.sort_by(f64::total_cmp);
    let start = Instant::now();
    let batch = predictor.raw_rows(&test)?;
    let whole = start.elapsed().as_secs_f64();
    println!(
        "{{\"bytes\": {}, \"load_least_ms\": {:.3}, \"load_ms\": {:.3}, \"load_worst_ms\": {:.3}, \"unpack_ms\": {:.3}, \"prepare_ms\": {:.3}, \"row_least_us\": {:.2}, \"row_us\": {:.2}, \"row_p99_us\": {:.2}, \"batch_us_per_row\": {:.3}, \"sum\": {}}}",
        file.len(),
        loads[0] * 1e3,
        loads[10] * 1e3,
        loads[19] * 1e3,
        unpack * 1e3,
        prepare * 1e3,
        singles[0] * 1e6,
        singles[singles.len() / 2] * 1e6,
        singles[singles.len() * 99 / 100] * 1e6,
        whole * 1e6 / (test.len() / width) as f64,
        batch.iter().sum::<f64>(),
    );
    Ok(())
}

fn train(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let train = matrix(settings, "train", "rows")?;
    let params = params(settings)?;
    let truth = floats(text(settings, "truth")?)?;
    let target = match params.loss {
        Loss::Logistic | Loss::Softmax => {
            let classes = truth.iter().copied().fold(0.0, f64::max) as u32 + 1;
            Target::classes(truth.iter().map(|y| *y as u32).collect(), classes)?
        }
        _ => Target::numbers(truth)?,
    };
    let (start, worked) = (Instant::now(), processor_seconds());
    let bins = rhiza_learn::bins::Bins::new(&train, &params.bins)?;
    let (binned, bin_worked) = (start.elapsed(), processor_seconds() - worked);
    let training = boost::Training { bins: &bins, target: &target, weights: None, watch: None };
    let boosted = training.run(&params, &Never)?;
    let (trained, train_worked) = (start.elapsed(), processor_seconds() - worked);
    let test = matrix(settings, "test", "test_rows")?.to_rows();
    let outputs = boosted.ensemble.outputs();
    let width = train.width();
    let start = Instant::now();
    let mut raw = vec![0.0; test.len() / width * outputs];
    for (row, raw) in test.chunks(width).zip(raw.chunks_mut(outputs)) {
        boosted.ensemble.raw(row, raw);
    }
    let predicted = start.elapsed();
    let bytes: Vec<u8> = raw.iter().flat_map(|x| x.to_le_bytes()).collect();
    std::fs::write(text(settings, "out")?, bytes)?;
    if let Some(path) = settings.get("save") {
        std::fs::write(path, format::write_ensemble(&boosted.ensemble))?;
    }
    println!(
        "{{\"bin\": {:.4}, \"train\": {:.4}, \"bin_cpu\": {bin_worked:.2}, \"train_cpu\": {train_worked:.2}, \"predict\": {:.4}, \"trees\": {}, \"leaves\": {}}}",
        binned.as_secs_f64(),
        trained.as_secs_f64(),
        predicted.as_secs_f64(),
        boosted.ensemble.trees.len(),
        boosted.ensemble.trees.iter().map(|t| t.leaf_values.len()).sum::<usize>(),
    );
    Ok(())
}

fn params(settings: &Settings) -> Result<Params, Box<dyn Error>> {
    let alpha = number(settings, "alpha", 0.9)?;
    let loss = match text(settings, "loss")? {
        "squared" => Loss::Squared,
        "absolute" => Loss::Absolute,
        "quantile" => Loss::Quantile(alpha),
        "huber" => Loss::Huber(alpha),
        "poisson" => Loss::Poisson,
        "logistic" => Loss::Logistic,
        "softmax" => Loss::Softmax,
        other => return Err(format!("loss {other}?").into()),
    };
    let mut params = Params::new(loss);
    params.rounds = number(settings, "rounds", 100.0)? as usize;
    params.max_leaves = number(settings, "leaves", 31.0)? as usize;
    params.learning_rate = number(settings, "rate", 0.1)?;
    params.min_rows = number(settings, "min_rows", 20.0)? as usize;
    params.l2 = number(settings, "l2", 0.0)?;
    params.columns = number(settings, "share", 1.0)?;
    let bagging = number(settings, "bagging", 1.0)?;
    if bagging < 1.0 {
        params.rows = RowSampling::Bagging(bagging);
    }
    if settings.contains_key("goss") {
        params.rows = RowSampling::Goss { top: 0.2, other: 0.1 };
    }
    Ok(params)
}

fn matrix(settings: &Settings, file: &str, rows: &str) -> Result<Matrix, Box<dyn Error>> {
    let values = floats(text(settings, file)?)?;
    let rows = number(settings, rows, 0.0)? as usize;
    let categorical: Vec<usize> = match settings.get("categorical") {
        Some(list) => list.split(',').map(str::parse).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    let column = |(j, values): (usize, &[f64])| {
        let make = if categorical.contains(&j) { Column::categorical } else { Column::numeric };
        make(format!("f{j}"), values.to_vec())
    };
    Ok(Matrix::new(values.chunks(rows).enumerate().map(column).collect())?)
}

fn floats(path: &str) -> Result<Vec<f64>, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    Ok(bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
}

/// Processor time this process has used, all threads together, in seconds; 0 where the system does not tell.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    // User and system time, in hundredths of a second on every Linux.
    (ticks(11) + ticks(12)) / 100.0
}

fn text<'a>(settings: &'a Settings, key: &str) -> Result<&'a str, Box<dyn Error>> {
    Ok(settings.get(key).ok_or_else(|| format!("{key}=… is missing"))?)
}

fn number(settings: &Settings, key: &str, default: f64) -> Result<f64, Box<dyn Error>> {
    Ok(settings.get(key).map(|v| v.parse()).transpose()?.unwrap_or(default))
}
