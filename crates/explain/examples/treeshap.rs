//! Explains rows with a LightGBM, XGBoost or ONNX model on one thread and says how long it took; `bench/shap` runs it beside its peers.
//!
//! `treeshap MODEL ROWS.f64 COLUMNS OUT.f64 REPEATS` prints one JSON object; times are those the thread had the processor.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark takes times and says so")]

use rhiza_explain::{Rows, TreeExplainer};
use std::sync::OnceLock;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, rows, columns, out, repeats] = arguments.as_slice() else {
        return Err("treeshap MODEL ROWS.f64 COLUMNS OUT.f64 REPEATS".into());
    };
    let ensemble = rhiza_learn::import::read(&std::fs::read(model)?)?.ensemble;
    let values: Vec<f64> =
        std::fs::read(rows)?.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    let rows = Rows::new(&values, columns.parse()?)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let begun = processor_seconds();
    let explainer = TreeExplainer::new(ensemble)?;
    let prepare = processor_seconds() - begun;
    let mut seconds = Vec::new();
    let mut explanation = None;
    for _ in 0..repeats.parse()? {
        let (took, result) = pool.install(|| {
            let begun = processor_seconds();
            let result = explainer.explain(rows);
            (processor_seconds() - begun, result)
        });
        explanation = Some(result?);
        seconds.push(took);
    }
    let explanation = explanation.ok_or("no repeats")?;
    explanation.check_additivity(&explainer.raw(rows)?, 1e-9)?;
    let bytes: Vec<u8> = explanation.values().iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(out, bytes)?;
    println!("{{\"prepare\": {prepare}, \"seconds\": {seconds:?}, \"base\": {:?}}}", explanation.base());
    Ok(())
}

/// How long this thread has had the processor: other programs' load does not count. Where the system does not say, the clock.
fn processor_seconds() -> f64 {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    let wall = BEGUN.get_or_init(Instant::now).elapsed().as_secs_f64();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|n| n.parse::<f64>().ok());
    nanoseconds.map_or(wall, |n| n * 1e-9)
}
