//! Every kind of explanation, of a model and rows.

use rhiza_explain::{
    Anchors, Condition, Counterfactuals, Goal, PermutationImportance, Predict, Rows, TreeExplainer, ale,
    ale_of_categories, grid, most_likely, partial_dependence,
};
use rhiza_learn::ensemble::FeatureKind;
use serde_json::Value;

use super::asked::Asked;
use super::explain::{ExplainOptions, ExplanationDocument, RowValues, explain};
use super::model::{Kind, Wanted, Wish};
use super::wire_result::{
    Accumulated, Alternative, AnchorCondition, AnchorRow, AnchorRows, Attributions, CellChange, ColumnEffect,
    ColumnEffects, ColumnImportance, ColumnImportances, CounterfactualRow, CounterfactualRows, ExplanationResult,
    GlobalValue, InteractionStrengths,
};
use crate::error::{MlopsError, MlopsResult};
use crate::files::AnyModel;

/// Points of an effect's grid.
const GRID: usize = 30;
/// Lines of single rows that are drawn.
const LINES: usize = 50;
/// Intervals of accumulated effects.
const INTERVALS: usize = 20;
/// Columns whose effects are shown unless some are named.
const COLUMNS: usize = 6;
/// Shuffles of a column that is weighed.
const SHUFFLES: usize = 10;
/// Columns beyond which interactions are too many to be told.
const INTERACTING: usize = 200;
/// Rows whose alternatives or conditions are looked for at most: each takes thousands of predictions.
const SEARCHED_ROWS: usize = 20;

/// Explains.
pub(super) fn answer(asked: &Asked<'_>, wish: &Wish) -> MlopsResult<ExplanationResult> {
    match wish.kind {
        Kind::Shap => Ok(ExplanationResult::Shap(attributions(asked, wish)?)),
        Kind::Lime => Ok(ExplanationResult::Lime(attributions(asked, wish)?)),
        Kind::Importance => Ok(ExplanationResult::Importance(importance(asked, wish)?)),
        Kind::Effects => Ok(ExplanationResult::Effects(effects(asked, wish)?)),
        Kind::Counterfactual => Ok(ExplanationResult::Counterfactual(counterfactual(asked, wish)?)),
        Kind::Anchor => Ok(ExplanationResult::Anchor(anchor(asked, wish)?)),
        Kind::Interactions => Ok(ExplanationResult::Interactions(interactions(asked)?)),
    }
}

fn attributions(asked: &Asked<'_>, wish: &Wish) -> MlopsResult<Attributions> {
    let options =
        ExplainOptions { method: wish.method, seed: wish.seed, rows: Some(asked.count), ..ExplainOptions::default() };
    let found = explain(asked.model, asked.table, &options)?;
    let outputs = found.outputs.len();
    let mut global: Vec<GlobalValue> = (found.features.iter().enumerate())
        .map(|(column, name)| GlobalValue {
            name: name.clone(),
            mean_magnitude: (0..outputs).map(|output| found.values.mean_magnitude(column, output)).collect(),
        })
        .collect();
    let total = |value: &GlobalValue| value.mean_magnitude.iter().sum::<f64>();
    global.sort_by(|a, b| total(b).total_cmp(&total(a)));
    let predictions = said(asked, asked.rows()?)?;
    let ExplanationDocument { method, of, features, outputs, base_values, values, standard_errors, r2 } = found;
    Ok(Attributions {
        method: serde_json::to_value(method).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default(),
        of,
        features,
        outputs,
        base_values,
        values: several(values),
        standard_errors: standard_errors.map(several),
        r2,
        predictions,
        cells: asked.cells(),
        global,
    })
}

fn several(values: RowValues) -> Vec<Vec<Vec<f64>>> {
    match values {
        RowValues::Several(values) => values,
        RowValues::One(rows) => {
            rows.into_iter().map(|row| row.into_iter().map(|value| vec![value]).collect()).collect()
        }
    }
}

fn said(asked: &Asked<'_>, rows: Rows<'_>) -> MlopsResult<Vec<Vec<f64>>> {
    let function = asked.function()?;
    Ok(function.predict(rows)?.chunks_exact(function.outputs().max(1)).map(<[f64]>::to_vec).collect())
}

fn importance(asked: &Asked<'_>, wish: &Wish) -> MlopsResult<ColumnImportances> {
    let (rows, truth, metric) = asked.truth(wish.target.as_deref())?;
    let function = asked.function()?;
    let sign = if metric.greater_is_better() { 1.0 } else { -1.0 };
    // A lone output is the probability of the second class.
    let single = function.outputs() == 1 && truth.class_count().is_some();
    let score = |said: &[f64]| {
        let both: Vec<f64> = if single { said.iter().flat_map(|p| [1.0 - p, *p]).collect() } else { said.to_vec() };
        metric.score(&truth, &both).map_or(f64::NAN, |score| sign * score)
    };
    let settings = PermutationImportance { repeats: SHUFFLES, seed: wish.seed, ..PermutationImportance::default() };
    let found = settings.explain(function.as_ref(), Rows::new(&rows, asked.features.len())?, score)?;
    let line = |at: usize| {
        let column = &found.columns[at];
        let (low, high) = column.interval;
        ColumnImportance { name: asked.features[at].name.clone(), importance: column.mean, low, high }
    };
    Ok(ColumnImportances {
        metric: metric.to_string(),
        base_score: sign * found.baseline,
        columns: found.ranking().into_iter().map(line).collect(),
    })
}

/// The columns that are named, or those that move what is said the most.
fn chosen(asked: &Asked<'_>, wish: &Wish, function: &dyn Predict) -> MlopsResult<Vec<usize>> {
    if !wish.columns.is_empty() {
        return wish.columns.iter().map(|name| asked.feature(name)).collect();
    }
    let rows = asked.rows()?;
    let base = function.predict(rows)?;
    // How far what is said moves when a column is shuffled: no truth is needed for it.
    let moved = |said: &[f64]| -said.iter().zip(&base).map(|(a, b)| (a - b).abs()).sum::<f64>();
    let settings = PermutationImportance { repeats: 2, seed: wish.seed, ..PermutationImportance::default() };
    Ok(settings.explain(function, rows, moved)?.ranking().into_iter().take(COLUMNS).collect())
}

fn effects(asked: &Asked<'_>, wish: &Wish) -> MlopsResult<ColumnEffects> {
    let function = asked.function()?;
    let (rows, outputs) = (asked.rows()?, function.outputs());
    let output = wish.output.as_deref().map_or(Ok(outputs - 1), |name| output(asked, name))?;
    let mut columns = Vec::new();
    for at in chosen(asked, wish, function.as_ref())? {
        let feature = &asked.features[at];
        let Ok(points) = grid(rows, at, GRID) else { continue };
        let found = partial_dependence(function.as_ref(), rows, at, &points)?;
        let chunks = |values: &[f64]| values.chunks_exact(outputs).map(<[f64]>::to_vec).collect::<Vec<_>>();
        let categorical = feature.kind == FeatureKind::Categorical;
        let local = if categorical {
            ale_of_categories(function.as_ref(), rows, &asked.features, at)
        } else {
            ale(function.as_ref(), rows, at, INTERVALS)
        };
        let line = |line: &[f64]| line.iter().skip(output).step_by(outputs).copied().collect();
        columns.push(ColumnEffect {
            name: feature.name.clone(),
            kind: if categorical { "categorical" } else { "numeric" }.to_owned(),
            grid: points.iter().map(|point| asked.shown(at, *point)).collect(),
            average: chunks(&found.mean),
            ice: found.lines.chunks_exact(points.len() * outputs).take(LINES).map(line).collect(),
            ice_output: output,
            ale: local.ok().map(|local| Accumulated {
                grid: local.values.iter().map(|value| asked.shown(at, *value)).collect(),
                effects: chunks(&local.effects),
            }),
        });
    }
    Ok(ColumnEffects { outputs: names(asked, outputs), columns })
}

/// Names of what the function says: where a model has one output for two classes, it is the second's probability.
fn names(asked: &Asked<'_>, outputs: usize) -> Vec<String> {
    let names = asked.model.outputs();
    if names.len() == outputs { names } else { (0..outputs).map(|at| format!("output {at}")).collect() }
}

fn output(asked: &Asked<'_>, name: &str) -> MlopsResult<usize> {
    let names = asked.model.outputs();
    let at = names.iter().position(|known| known == name);
    at.ok_or_else(|| MlopsError::Asked(format!("The model has no output {name:?}; it has {}.", names.join(", "))))
}

fn few<'a>(asked: &'a Asked<'_>) -> MlopsResult<Rows<'a>> {
    let rows = asked.rows()?;
    if rows.len() > SEARCHED_ROWS {
        return Err(MlopsError::Asked(format!("This takes long for each row: ask about at most {SEARCHED_ROWS}.")));
    }
    Ok(rows)
}

fn counterfactual(asked: &Asked<'_>, wish: &Wish) -> MlopsResult<CounterfactualRows> {
    let function = asked.function()?;
    let mut search = Counterfactuals::new(&asked.features, asked.background()?)?;
    search.seed = wish.seed;
    let goal = |said: &[f64]| goal(asked, wish.wanted.as_ref(), said);
    let mut rows = Vec::new();
    for (row, cells) in few(asked)?.iter().zip(asked.cells()) {
        let prediction = function.predict(Rows::new(row, row.len())?)?;
        let found = search.explain(function.as_ref(), row, goal(&prediction)?)?;
        let change = |other: &[f64], at: usize| CellChange {
            column: asked.features[at].name.clone(),
            from: cells.get(at).cloned().unwrap_or(Value::Null),
            to: asked.shown(at, other[at]),
        };
        let found = found.into_iter().map(|one| Alternative {
            changes: one.changed.iter().map(|at| change(&one.row, *at)).collect(),
            distance: one.distance,
            prediction: one.predictions,
        });
        rows.push(CounterfactualRow { found: found.collect(), cells, prediction });
    }
    let features = asked.features.iter().map(|feature| feature.name.clone()).collect();
    Ok(CounterfactualRows { features, outputs: names(asked, function.outputs()), rows })
}

/// What is wanted of a row; without a wish the next likely class.
fn goal(asked: &Asked<'_>, wanted: Option<&Wanted>, said: &[f64]) -> MlopsResult<Goal> {
    let numbers = |model: &AnyModel| match model {
        AnyModel::Own(own) => own.classes().is_empty(),
        AnyModel::Trees { trees, .. } => trees.ensemble().link == rhiza_learn::ensemble::Link::Identity,
    };
    match wanted {
        Some(Wanted::AtLeast(value)) => Ok(Goal::AtLeast { output: 0, value: *value }),
        Some(Wanted::AtMost(value)) => Ok(Goal::AtMost { output: 0, value: *value }),
        Some(Wanted::Class(_)) | None if numbers(asked.model) => Err(MlopsError::Asked(
            "The model predicts numbers: say what is wanted with at_least or at_most.".to_owned(),
        )),
        Some(Wanted::Class(name)) => match (said.len(), name.as_str()) {
            (1, "0") => Ok(Goal::Class(0)),
            (1, "1") => Ok(Goal::Class(1)),
            _ => output(asked, name).map(|at| Goal::Class(if said.len() == 1 { 1 } else { at })),
        },
        None if said.len() == 1 => Ok(Goal::Class(1 - most_likely(said))),
        None => {
            let first = most_likely(said);
            let others = (0..said.len()).filter(|at| *at != first);
            Ok(Goal::Class(others.max_by(|a, b| said[*a].total_cmp(&said[*b])).unwrap_or(first)))
        }
    }
}

fn anchor(asked: &Asked<'_>, wish: &Wish) -> MlopsResult<AnchorRows> {
    let function = asked.function()?;
    let background = asked.background()?;
    let mut search = Anchors::new(&asked.features, background)?;
    search.seed = wish.seed;
    let classes = match asked.model {
        AnyModel::Own(own) => own.classes().to_vec(),
        AnyModel::Trees { .. } if function.outputs() == 1 => Vec::new(),
        AnyModel::Trees { .. } => asked.model.outputs(),
    };
    // Of numbers, whether they lie above the middle of all is what stays the same.
    let middle = if classes.is_empty() { median(function.predict(background)?) } else { 0.0 };
    let label = |said: &[f64]| match said {
        [one] if classes.is_empty() => usize::from(*one >= middle),
        said => most_likely(said),
    };
    let word = |label: usize| match classes.get(label) {
        Some(class) => class.clone(),
        None if label == 0 => format!("below {middle}"),
        None => format!("at least {middle}"),
    };
    let mut rows = Vec::new();
    for row in few(asked)?.iter() {
        let found = search.explain(function.as_ref(), row, label)?;
        let told = |column: usize, name: &str, condition: Condition| match condition {
            Condition::Category(code) => format!("{name} = {}", plain(&asked.shown(column, code))),
            Condition::Between { above, at_most } => {
                let bound = |number: f64| plain(&asked.shown(column, number));
                match (above, at_most) {
                    (Some(above), Some(at_most)) => format!("{} < {name} <= {}", bound(above), bound(at_most)),
                    (Some(above), None) => format!("{name} > {}", bound(above)),
                    (None, Some(at_most)) => format!("{name} <= {}", bound(at_most)),
                    (None, None) => condition.about(name),
                }
            }
            Condition::Missing => condition.about(name),
        };
        let rule = found.rules.iter().map(|rule| AnchorCondition {
            column: rule.name.clone(),
            text: told(rule.column, &rule.name, rule.condition),
        });
        rows.push(AnchorRow {
            prediction: word(found.label),
            rule: rule.collect(),
            precision: found.precision,
            coverage: found.coverage,
            reached: found.reached,
        });
    }
    Ok(AnchorRows { rows })
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn interactions(asked: &Asked<'_>) -> MlopsResult<InteractionStrengths> {
    let AnyModel::Trees { trees, .. } = asked.model else {
        return Err(MlopsError::Asked(
            "Interactions are told of tree ensembles, which can be taken apart exactly.".to_owned(),
        ));
    };
    if asked.features.len() > INTERACTING {
        return Err(MlopsError::Asked(format!("Interactions are told of at most {INTERACTING} columns.")));
    }
    let explainer = TreeExplainer::new(trees.ensemble().clone())?;
    let found = explainer.interactions(asked.rows()?)?;
    let (columns, outputs) = (found.columns(), found.base().len());
    let mut strength = vec![vec![0.0; columns]; columns];
    #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
    let share = 1.0 / (found.rows() * outputs).max(1) as f64;
    for (row, output) in (0..found.rows()).flat_map(|row| (0..outputs).map(move |output| (row, output))) {
        for (line, values) in strength.iter_mut().zip(found.matrix(row, output).chunks_exact(columns)) {
            line.iter_mut().zip(values).for_each(|(sum, value)| *sum += share * value.abs());
        }
    }
    Ok(InteractionStrengths { features: asked.features.iter().map(|feature| feature.name.clone()).collect(), strength })
}
