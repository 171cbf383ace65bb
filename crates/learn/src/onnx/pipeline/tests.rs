//! Graphs of whole models hold together; what runs them is tested where there is a runtime (`tests/python/test_onnx.py`).

use std::collections::HashSet;

use super::super::Graph;
use super::*;
use crate::automl::{Settings, run};
use crate::import;
use crate::protobuf::{Fields, Message, Wire};
use crate::random::Random;
use crate::search::Family;
use crate::stop::Never;
use crate::table::{CsvOptions, Table};

const FAMILIES: [Family; 7] = [
    Family::Linear,
    Family::Boost,
    Family::Forest,
    Family::ExtraTrees,
    Family::Kernel,
    Family::Neighbours,
    Family::Network,
];

/// Numbers, words, truths and dates, with gaps; `wordy` has a column of texts besides.
fn table(rows: usize, wordy: bool) -> Table {
    let mut random = Random::stream(1, "pipeline", 0);
    let mut text = format!("x,many,label,open,seen,{}class,number\n", if wordy { "words," } else { "" });
    for row in 0..rows {
        let x = random.normal();
        let many = random.below(15);
        let gap = |cell: String, random: &mut Random| if random.chance(0.1) { String::new() } else { cell };
        let mut cells = vec![gap(x.to_string(), &mut random), format!("level {many}")];
        cells.push(gap(["red", "blue"][row % 2].to_owned(), &mut random));
        cells.push(gap((if row % 3 == 0 { "yes" } else { "no" }).to_owned(), &mut random));
        cells.push(gap(format!("2024-{:02}-{:02}T{:02}:30:00Z", row % 12 + 1, row % 28 + 1, row % 24), &mut random));
        if wordy {
            cells.push(format!("word{} and thing{} of many more {row}", row % 7, row % 3));
        }
        let y = x + many as f64 / 5.0 + f64::from(u8::from(row % 2 == 0));
        cells.push(["low", "middle", "high"][usize::from(y > 1.0) + usize::from(y > 2.5)].to_owned());
        cells.push(format!("{y:.4}"));
        text += &(cells.join(",") + "\n");
    }
    Table::from_csv(text.as_bytes(), &CsvOptions::default()).unwrap().table
}

fn model(table: &Table, target: &str, families: &[Family], trials: usize) -> Model {
    let other = if target == "class" { "number" } else { "class" };
    let settings = Settings {
        trials: Some(trials),
        folds: Some(2),
        hold_out: 0.0,
        families: Some(families.to_vec()),
        ignore: vec![other.to_owned()],
        ..Settings::new(target)
    };
    run(table, &settings, &[], &Never, &mut |_| {}).unwrap().model
}

fn parts(message: &[u8], wanted: u64) -> Vec<Wire<'_>> {
    Fields::new(message).map(Result::unwrap).filter(|(field, _)| *field == wanted).map(|(_, wire)| wire).collect()
}

fn messages(message: &[u8], wanted: u64) -> Vec<&[u8]> {
    parts(message, wanted).into_iter().map(|wire| wire.bytes().unwrap()).collect()
}

fn texts(message: &[u8], wanted: u64) -> Vec<String> {
    parts(message, wanted).into_iter().map(|wire| wire.text().unwrap().to_owned()).collect()
}

fn graph(file: &[u8]) -> &[u8] {
    messages(file, 7)[0]
}

/// A constant's name; it has as many values as its dimensions say.
fn constant(tensor: &[u8]) -> String {
    let mut sizes = Vec::new();
    parts(tensor, 1).into_iter().for_each(|wire| wire.push_whole(&mut sizes).unwrap());
    let count = usize::try_from(sizes.iter().product::<i64>()).unwrap();
    let raw = messages(tensor, 9).iter().map(|raw| raw.len()).sum::<usize>();
    let found = match parts(tensor, 2)[0].whole().unwrap() {
        1 => raw / 4,
        11 => raw / 8,
        8 => parts(tensor, 6).len(),
        7 => {
            let mut wholes = Vec::new();
            parts(tensor, 7).into_iter().for_each(|wire| wire.push_whole(&mut wholes).unwrap());
            wholes.len()
        }
        other => panic!("elements of type {other}"),
    };
    assert_eq!(found, count);
    texts(tensor, 8).remove(0)
}

/// Every name is made once and before it is used; what is promised is made. Gives the operators.
fn holds_together(graph: &[u8]) -> Vec<String> {
    let names = |field| messages(graph, field).into_iter().map(|value| texts(value, 1).remove(0));
    let mut known: HashSet<String> = HashSet::new();
    for name in names(11).chain(messages(graph, 5).into_iter().map(constant)) {
        assert!(known.insert(name.clone()), "{name} twice");
    }
    let mut operators = Vec::new();
    for node in messages(graph, 1) {
        let operator = texts(node, 4).remove(0);
        assert!(texts(node, 1).iter().all(|name| known.contains(name)), "{operator} of {:?}", texts(node, 1));
        for attribute in messages(node, 5) {
            messages(attribute, 6).into_iter().for_each(|body| operators.extend(holds_together(body)));
        }
        for name in texts(node, 2) {
            assert!(known.insert(name.clone()), "{name} twice");
        }
        operators.push(operator);
    }
    assert!(names(12).all(|name| known.contains(&name)));
    operators
}

#[test]
fn graphs_of_all_families_hold_together() {
    let table = table(150, false);
    for target in ["class", "number"] {
        for family in FAMILIES {
            let model = model(&table, target, &[family], 4);
            let file = model.to_onnx().unwrap();
            assert_eq!(file, model.to_onnx().unwrap(), "{family:?}");
            let operators = holds_together(graph(&file));
            assert!(operators.len() > 10, "{family:?}");
            let inputs: Vec<String> = messages(graph(&file), 11).into_iter().map(|i| texts(i, 1).remove(0)).collect();
            assert_eq!(inputs, ["x", "many", "label", "open", "seen"], "{family:?}");
            let outputs: Vec<String> = messages(graph(&file), 12).into_iter().map(|i| texts(i, 1).remove(0)).collect();
            // A column has the name that is usual for labels.
            let expected = if target == "class" { &["label_", "probabilities"][..] } else { &["prediction"] };
            assert_eq!(outputs, expected);
        }
    }
}

/// The trees of a whole model's graph, each operator alone, are those of the model.
#[test]
fn trees_come_back() {
    let table = table(150, false);
    for (target, family) in [("number", Family::Boost), ("class", Family::Boost), ("number", Family::Forest)] {
        let model = model(&table, target, &[family], 3);
        let file = model.to_onnx().unwrap();
        let nodes = messages(graph(&file), 1);
        let mut nodes = nodes.into_iter().filter(|node| texts(node, 4)[0] == "TreeEnsemble");
        for (_, _, prepare, ensemble) in model.trees() {
            let node = nodes.next().unwrap();
            let (from, to) = (texts(node, 1).remove(0), texts(node, 2).remove(0));
            let mut shape = Graph::default();
            shape.input(&from, Element::Double, Some(prepare.width()));
            shape.output(&to, Element::Double, Some(ensemble.outputs()));
            let shape = shape.finish();
            let mut alone = Message::default();
            alone.bytes(1, node);
            for field in [11, 12] {
                messages(graph(&shape), field).into_iter().for_each(|value| alone.bytes(field, value));
            }
            let mut file = Message::default();
            file.message(7, alone);
            let bytes = [&[0x08, 9][..], &file.finish()].concat();
            let back = import::read(&bytes).unwrap().ensemble;
            let rows = prepare.transform(&table).unwrap().to_rows();
            for row in rows.chunks(prepare.width()) {
                let (mut here, mut there) = (vec![0.0; ensemble.outputs()], vec![0.0; ensemble.outputs()]);
                ensemble.raw(row, &mut here);
                back.raw(row, &mut there);
                let close = |(here, (there, base)): (&f64, (&f64, &f64))| (here - there - base).abs() < 1e-9;
                assert!(here.iter().zip(there.iter().zip(&ensemble.base)).all(close), "{here:?} {there:?}");
            }
        }
        assert!(nodes.next().is_none());
    }
}

#[test]
fn texts_are_refused_by_name() {
    let table = table(150, true);
    let fault = model(&table, "class", &[Family::Linear], 3).to_onnx().unwrap_err();
    assert_eq!(fault, OnnxError::Text { column: "words".to_owned() });
    assert!(fault.to_string().contains("\"words\" is text"), "{fault}");
    // What looks at no column has nothing to refuse.
    let file = model(&table, "class", &[], 1).to_onnx().unwrap();
    holds_together(graph(&file));
    assert_eq!(messages(graph(&file), 11).len(), 1);
}
