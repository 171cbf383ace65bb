//! Parts add up to the prediction, whatever the columns hold.

use rhiza_learn::automl::{Settings, run};
use rhiza_learn::model::Model;
use rhiza_learn::search::Family;
use rhiza_learn::stop::Never;
use rhiza_learn::table::{CsvOptions, Table};

use super::*;
use crate::files::AnyModel;

fn shop() -> Table {
    let mut text = "price,colour,seen,open,sold\n".to_owned();
    for row in 0_u32..120 {
        let colour = ["red", "blue", ""][row as usize % 3];
        let sold = 3 * (row % 10) + if colour == "red" { 20 } else { 0 };
        text += &format!("{},{colour},2024-03-{:02},{},{sold}\n", row % 10, row % 28 + 1, row % 2 == 0);
    }
    Table::from_csv(text.as_bytes(), &CsvOptions::default()).unwrap().table
}

fn model(table: &Table) -> Model {
    of_families(table, "sold", &[Family::Linear, Family::Kernel])
}

fn of_families(table: &Table, target: &str, families: &[Family]) -> Model {
    let settings = Settings { trials: Some(4), families: Some(families.to_vec()), ..Settings::new(target) };
    run(table, &settings, &[], &Never, &mut |_| {}).unwrap().model
}

#[test]
fn parts_of_words_dates_and_numbers_add_up_to_the_prediction() {
    let table = shop();
    let own = model(&table);
    let any = AnyModel::Own(Box::new(own.clone()));
    let said = own.predict(&table).unwrap().values;
    for method in [Method::Auto, Method::Kernel, Method::Permutation] {
        let options = ExplainOptions { method, rows: Some(4), background: 20, seed: 3 };
        let document = explain(&any, &table, &options).unwrap();
        assert_eq!(document.features, ["price", "colour", "seen", "open"]);
        assert_eq!(document.outputs, ["sold"]);
        let RowValues::One(rows) = &document.values else { panic!("one output") };
        assert_eq!(rows.len(), 4);
        for (row, prediction) in rows.iter().zip(&said) {
            let sum = document.base_values[0] + row.iter().sum::<f64>();
            assert!((sum - prediction).abs() < 1e-6 * prediction.abs().max(1.0), "{method:?}: {sum} {prediction}");
        }
        // Colour matters, whether the shop was open does not.
        assert!(document.values.mean_magnitude(1, 0) > 10.0 * document.values.mean_magnitude(3, 0));
        assert_eq!(explain(&any, &table, &options).unwrap(), document, "the same seed, the same answer");
    }
}

/// Sums of base value and parts, row by row, output by output.
fn sums(document: &ExplanationDocument) -> Vec<f64> {
    let outputs = document.base_values.len();
    let total = |output: usize, parts: &mut dyn Iterator<Item = f64>| document.base_values[output] + parts.sum::<f64>();
    match &document.values {
        RowValues::One(rows) => rows.iter().map(|row| total(0, &mut row.iter().copied())).collect(),
        RowValues::Several(rows) => rows
            .iter()
            .flat_map(|row| (0..outputs).map(|output| total(output, &mut row.iter().map(|part| part[output]))))
            .collect(),
    }
}

#[test]
fn trees_of_our_own_are_taken_apart_exactly() {
    let table = shop();
    let own = of_families(&table, "sold", &[Family::Boost, Family::Forest]);
    let said = own.predict(&table).unwrap().values;
    let any = AnyModel::Own(Box::new(own));
    for method in [Method::Auto, Method::Tree] {
        let document = explain(&any, &table, &ExplainOptions { method, ..ExplainOptions::default() }).unwrap();
        assert_eq!((document.method, document.of.as_str()), (Method::Tree, "prediction"));
        assert_eq!(document.features, ["price", "colour", "seen", "open"]);
        assert!(document.standard_errors.is_none());
        let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9 * b.abs().max(1.0);
        assert!(sums(&document).iter().zip(&said).all(close));
        assert!(document.values.mean_magnitude(1, 0) > 10.0 * document.values.mean_magnitude(3, 0));
    }
    let few = explain(&any, &table, &ExplainOptions { rows: Some(3), ..ExplainOptions::default() }).unwrap();
    assert_eq!(sums(&few).len(), 3);
}

#[test]
fn trees_that_say_probabilities_are_taken_apart_by_their_scores() {
    let table = shop();
    let own = of_families(&table, "open", &[Family::Boost]).alone(0).unwrap();
    let tree = ExplainOptions { method: Method::Tree, ..ExplainOptions::default() };
    let document = explain(&AnyModel::Own(Box::new(own.clone())), &table, &tree).unwrap();
    assert_eq!((document.of.as_str(), document.outputs.len()), ("mean raw output", 1));
    assert_eq!(document.outputs[0], own.classes()[1]);
    let mut raw = vec![0.0; table.rows()];
    for (_, share, prepare, ensemble) in own.trees() {
        let rows = prepare.transform(&table).unwrap().to_rows();
        for (row, raw) in rows.chunks(prepare.width()).zip(&mut raw) {
            let mut own = [0.0];
            ensemble.raw(row, &mut own);
            *raw += share * own[0];
        }
    }
    assert!(sums(&document).iter().zip(&raw).all(|(a, b)| (a - b).abs() < 1e-9 * b.abs().max(1.0)));
    // The prediction is the mean of the folds' probabilities: asked for no method, what adds up to that is given.
    let auto = ExplainOptions { rows: Some(2), ..ExplainOptions::default() };
    assert_eq!(explain(&AnyModel::Own(Box::new(own)), &table, &auto).unwrap().method, Method::Permutation);
}

#[test]
fn what_cannot_be_explained_so_is_said() {
    let table = shop();
    let any = AnyModel::Own(Box::new(model(&table)));
    let tree = ExplainOptions { method: Method::Tree, ..ExplainOptions::default() };
    let fault = explain(&any, &table, &tree).unwrap_err().to_string();
    assert!(fault.contains("of the family") && fault.contains("kernel or permutation"), "{fault}");
    let empty = table.take(&[]);
    assert!(explain(&any, &empty, &ExplainOptions::default()).unwrap_err().to_string().contains("no rows"));
    let without = table.without("colour");
    assert!(explain(&any, &without, &ExplainOptions::default()).unwrap_err().to_string().contains("colour"));
}

#[test]
fn lime_says_how_far_to_trust_it() {
    let table = shop();
    let any = AnyModel::Own(Box::new(model(&table)));
    let options = ExplainOptions { method: Method::Lime, rows: Some(2), ..ExplainOptions::default() };
    let document = explain(&any, &table, &options).unwrap();
    let r2 = document.r2.unwrap();
    assert_eq!(r2.len(), 2);
    assert!(r2.iter().flatten().all(|share| (0.0..=1.0).contains(share)), "{r2:?}");
}
