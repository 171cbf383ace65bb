//! A model as a file. Sections: `manifest` (JSON: what a person wants to know, and where the parts are), `prepare`, `parts` and
//! `bounds` (postcard), `trees-N` (one per ensemble).

use serde::{Deserialize, Serialize};

use super::{Bounds, Fitted, Member, Model, ModelError, Part, Task};
use crate::blend::Stack;
use crate::calibrate::Temperature;
use crate::format::{Container, FormatError, Writer, decode_predictor};
use crate::kernel::Kernel;
use crate::linear::Linear;
use crate::metrics::Metric;
use crate::neighbours::Neighbours;
use crate::network::Network;
use crate::prepare::{Prepare, Source};
use crate::search::Config;

#[derive(Serialize, Deserialize)]
struct Manifest {
    kind: String,
    task: Task,
    target: String,
    classes: Vec<String>,
    metric: Metric,
    columns: Vec<Source>,
    members: Vec<MemberEntry>,
    stack: Option<Stack>,
    temperature: Temperature,
}

#[derive(Serialize, Deserialize)]
struct MemberEntry {
    config: Config,
    trial: usize,
    weight: f64,
    shift: f64,
    parts: Vec<PartEntry>,
}

#[derive(Serialize, Deserialize)]
struct PartEntry {
    prepare: Option<u32>,
    /// Number in the section `parts`.
    part: u32,
}

/// A learnt part; trees have a section of their own.
#[derive(Serialize, Deserialize)]
enum Stored {
    Constant(Vec<f64>),
    Linear(Linear),
    Kernel(Kernel),
    Neighbours(Neighbours),
    Network(Network),
    Trees { section: u32, mix: f64, prior: Vec<f64> },
}

const KIND: &str = "rhiza-model";
const MANIFEST: &str = "manifest";
const PREPARE: &str = "prepare";
const PARTS: &str = "parts";
const BOUNDS: &str = "bounds";

fn fault(section: &str, fault: impl ToString) -> FormatError {
    FormatError::Section { name: section.to_owned(), fault: fault.to_string() }
}

fn trees_section(number: u32) -> String {
    format!("trees-{number}")
}

pub(super) fn save(model: &Model) -> Result<Vec<u8>, FormatError> {
    let mut writer = Writer::default();
    let (mut stored, mut trees) = (Vec::new(), Vec::new());
    let mut members = Vec::with_capacity(model.members.len());
    let number = |n: usize| u32::try_from(n).map_err(|e| fault(PARTS, e));
    for member in &model.members {
        let mut parts = Vec::with_capacity(member.parts.len());
        for part in &member.parts {
            parts.push(PartEntry { prepare: part.prepare, part: number(stored.len())? });
            stored.push(match &part.fitted {
                Fitted::Constant(values) => Stored::Constant(values.clone()),
                Fitted::Linear(model) => Stored::Linear(model.clone()),
                Fitted::Kernel(model) => Stored::Kernel(model.clone()),
                Fitted::Neighbours(model) => Stored::Neighbours(model.clone()),
                Fitted::Network(model) => Stored::Network(model.clone()),
                Fitted::Trees { predictor, mix, prior } => {
                    trees.push(predictor.section());
                    Stored::Trees { section: number(trees.len() - 1)?, mix: *mix, prior: prior.clone() }
                }
            });
        }
        let Member { config, trial, weight, shift, .. } = member.clone();
        members.push(MemberEntry { config, trial, weight, shift, parts });
    }
    let manifest = Manifest {
        kind: KIND.to_owned(),
        task: model.task,
        target: model.target.clone(),
        classes: model.classes.clone(),
        metric: model.metric,
        columns: model.sources.clone(),
        members,
        stack: model.stack.clone(),
        temperature: model.temperature,
    };
    writer.section(MANIFEST, true, serde_json::to_vec_pretty(&manifest).map_err(|e| fault(MANIFEST, e))?)?;
    writer.section(PREPARE, true, postcard::to_allocvec(&model.prepares).map_err(|e| fault(PREPARE, e))?)?;
    writer.section(PARTS, true, postcard::to_allocvec(&stored).map_err(|e| fault(PARTS, e))?)?;
    writer.section(BOUNDS, true, postcard::to_allocvec(&model.bounds).map_err(|e| fault(BOUNDS, e))?)?;
    for (at, trees) in trees.into_iter().enumerate() {
        writer.section(&trees_section(number(at)?), true, trees)?;
    }
    Ok(writer.finish())
}

pub(super) fn load(bytes: &[u8]) -> Result<Model, ModelError> {
    let container = Container::open(bytes)?;
    let manifest: Manifest = serde_json::from_slice(container.section(MANIFEST)?).map_err(|e| fault(MANIFEST, e))?;
    if manifest.kind != KIND {
        return Err(fault(MANIFEST, format!("a file of {:?}", manifest.kind)).into());
    }
    let prepares: Vec<Prepare> = decode(&container, PREPARE)?;
    let stored: Vec<Stored> = decode(&container, PARTS)?;
    let bounds: Bounds = decode(&container, BOUNDS)?;
    let mut known = vec![MANIFEST.to_owned(), PREPARE.to_owned(), PARTS.to_owned(), BOUNDS.to_owned()];
    let mut fitted: Vec<Option<Fitted>> = Vec::with_capacity(stored.len());
    for part in stored {
        fitted.push(Some(match part {
            Stored::Constant(values) => Fitted::Constant(values),
            Stored::Linear(model) => Fitted::Linear(model),
            Stored::Kernel(model) => Fitted::Kernel(model),
            Stored::Neighbours(model) => Fitted::Neighbours(model),
            Stored::Network(model) => Fitted::Network(model),
            Stored::Trees { section, mix, prior } => {
                let name = trees_section(section);
                let predictor = decode_predictor(container.section(&name)?)?;
                known.push(name);
                Fitted::Trees { predictor: Box::new(predictor), mix, prior }
            }
        }));
    }
    container.expect_only(&known.iter().map(String::as_str).collect::<Vec<_>>())?;
    let mut members = Vec::with_capacity(manifest.members.len());
    for entry in manifest.members {
        let part = |part: PartEntry| {
            let fitted = fitted.get_mut(part.part as usize).and_then(Option::take);
            let fitted = fitted.ok_or_else(|| fault(MANIFEST, format!("part {} is not there", part.part)))?;
            Ok(Part { prepare: part.prepare, fitted })
        };
        let parts = entry.parts.into_iter().map(part).collect::<Result<Vec<_>, FormatError>>()?;
        let MemberEntry { config, trial, weight, shift, .. } = MemberEntry { parts: Vec::new(), ..entry };
        members.push(Member { config, trial, weight, shift, parts });
    }
    let model = Model {
        task: manifest.task,
        target: manifest.target,
        classes: manifest.classes,
        metric: manifest.metric,
        sources: manifest.columns,
        prepares,
        members,
        stack: manifest.stack,
        temperature: manifest.temperature,
        bounds,
    };
    check(&model)?;
    Ok(model)
}

fn decode<'a, T: Deserialize<'a>>(container: &Container<'a>, name: &str) -> Result<T, FormatError> {
    postcard::from_bytes(container.section(name)?).map_err(|e| fault(name, e))
}

/// What prediction relies on.
fn check(model: &Model) -> Result<(), ModelError> {
    let broken = |what: String| Err(ModelError::Broken(what));
    if model.members.is_empty() || model.members.iter().any(|member| member.parts.is_empty()) {
        return broken("it has no members".to_owned());
    }
    if (model.task == Task::Regression) != model.classes.is_empty() {
        return broken("its classes do not go with its task".to_owned());
    }
    let fits = |stack: &Stack| stack.weights.len() == model.members.len() && stack.intercepts.len() == model.width();
    if !model.stack.as_ref().is_none_or(fits) {
        return broken("its stack is of other members".to_owned());
    }
    for prepare in &model.prepares {
        if prepare.sources() != model.sources || !prepare.is_sound() {
            return broken("a preparation is of other columns".to_owned());
        }
    }
    for part in model.members.iter().flat_map(|member| &member.parts) {
        let width = match part.prepare.map(|at| model.prepares.get(at as usize)) {
            None => 0,
            Some(Some(prepare)) => prepare.width(),
            Some(None) => return broken("a preparation is not there".to_owned()),
        };
        if !part.fitted.fits(width, model.width()) {
            return broken("a part is of other columns".to_owned());
        }
    }
    Ok(())
}
