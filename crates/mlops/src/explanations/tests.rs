//! Parts add up to the prediction, whatever the columns hold.

use rhiza_learn::automl::{Settings, run};
use rhiza_learn::model::Model;
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
    let settings = Settings { trials: Some(4), ..Settings::new("sold") };
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

#[test]
fn what_cannot_be_explained_so_is_said() {
    let table = shop();
    let any = AnyModel::Own(Box::new(model(&table)));
    let tree = ExplainOptions { method: Method::Tree, ..ExplainOptions::default() };
    assert!(explain(&any, &table, &tree).unwrap_err().to_string().contains("kernel or permutation"));
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
