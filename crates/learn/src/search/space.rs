//! Parameters as coordinates between 0 and 1.

use super::{Config, Family};
use crate::kernel::Shape;
use crate::prepare::Scale;

/// How a coordinate maps to a parameter.
#[derive(Clone, Copy)]
enum Axis {
    /// Evenly from a to b.
    Even(f64, f64),
    /// Evenly in the logarithm.
    Log(f64, f64),
    /// One of so many choices, no order.
    Choice(usize),
}

impl Axis {
    fn at(self, coordinate: f64) -> f64 {
        let x = coordinate.clamp(0.0, 1.0);
        match self {
            Self::Even(a, b) => a + (b - a) * x,
            Self::Log(a, b) => (a.ln() + (b.ln() - a.ln()) * x).exp(),
            #[expect(clippy::cast_precision_loss, reason = "a handful of choices")]
            Self::Choice(n) => (x * n as f64).floor().min(n as f64 - 1.0),
        }
    }

    fn coordinate(self, value: f64) -> f64 {
        let x = match self {
            Self::Even(a, b) => (value - a) / (b - a),
            Self::Log(a, b) => (value.ln() - a.ln()) / (b.ln() - a.ln()),
            #[expect(clippy::cast_precision_loss, reason = "a handful of choices")]
            Self::Choice(n) => (value + 0.5) / n as f64,
        };
        x.clamp(0.0, 1.0)
    }
}

const SCALES: [Scale; 2] = [Scale::Standard, Scale::Normal];
const SHAPES: [Shape; 3] = [Shape::Gauss, Shape::Matern, Shape::Exponential];

/// The axes of a family. Ranges are those in which the best of many public searches lie.
fn axes(family: Family) -> &'static [Axis] {
    use Axis::{Choice, Even, Log};
    match family {
        Family::Baseline => &[],
        Family::Linear => &[Even(0.0, 1.0), Choice(2)],
        Family::Boost => &[
            Log(0.01, 0.3),
            Log(4.0, 256.0),
            Log(1.0, 128.0),
            Log(1e-3, 100.0),
            Log(1e-3, 10.0),
            Even(0.2, 1.0),
            Even(0.5, 1.0),
            Log(15.0, 255.0),
        ],
        Family::Forest | Family::ExtraTrees => &[Log(0.05, 1.0), Log(1.0, 20.0), Choice(2)],
        Family::Kernel => &[Choice(3), Log(0.1, 10.0), Log(1e-2, 10.0), Choice(2)],
        Family::Neighbours => &[Choice(2), Choice(2), Choice(2)],
        Family::Network => {
            &[Log(16.0, 256.0), Choice(3), Log(3e-4, 2e-2), Log(1e-4, 1.0), Even(0.0, 0.5), Log(16.0, 256.0), Choice(2)]
        }
    }
}

/// Number of coordinates, and which of them are choices without order.
pub(super) fn shape(family: Family) -> Vec<Option<usize>> {
    axes(family).iter().map(|axis| if let Axis::Choice(n) = axis { Some(*n) } else { None }).collect()
}

fn number(value: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "axes keep it small and positive")]
    let whole = value.round().max(0.0) as u32;
    whole
}

/// Three significant digits: nobody needs more, and leaderboards stay readable.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

fn choice<T: Copy>(choices: &[T], value: f64) -> T {
    choices[(number(value) as usize).min(choices.len() - 1)]
}

fn place<T: PartialEq>(choices: &[T], value: &T) -> f64 {
    let at = choices.iter().position(|c| c == value).unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "a handful of choices")]
    let place = at as f64;
    place
}

impl Config {
    /// The coordinates of its free parameters.
    #[must_use]
    pub fn point(&self) -> Vec<f64> {
        let truth = |value: &bool| f64::from(u8::from(*value));
        let values = match self {
            Self::Baseline => vec![],
            Self::Linear { l1_ratio, scale } => vec![*l1_ratio, place(&SCALES, scale)],
            Self::Boost { learning_rate, max_leaves, min_rows, l2, l1, columns, rows, bins, rounds: _ } => vec![
                *learning_rate,
                f64::from(*max_leaves),
                f64::from(*min_rows),
                *l2,
                *l1,
                *columns,
                *rows,
                f64::from(*bins),
            ],
            Self::Forest { columns, min_leaf, entropy, .. } => vec![*columns, *min_leaf, truth(entropy)],
            Self::Kernel { shape, width, linear, scale } => {
                vec![place(&SHAPES, shape), *width, *linear, place(&SCALES, scale)]
            }
            Self::Neighbours { by_distance, manhattan, scale } => {
                vec![truth(by_distance), truth(manhattan), place(&SCALES, scale)]
            }
            Self::Network { hidden, layers, learning_rate, weight_decay, dropout, batch, scale } => vec![
                f64::from(*hidden),
                f64::from(*layers) - 1.0,
                *learning_rate,
                *weight_decay,
                *dropout,
                f64::from(*batch),
                place(&SCALES, scale),
            ],
        };
        values.iter().zip(axes(self.family())).map(|(value, axis)| axis.coordinate(*value)).collect()
    }

    /// The choice at these coordinates of its family; what is not free is taken from `self`. Coordinates that are not there are
    /// left as they are.
    #[must_use]
    pub fn at(&self, point: &[f64]) -> Self {
        let own = self.point();
        let at = |number: usize| {
            let coordinate = point.get(number).or(own.get(number)).copied().unwrap_or(0.5);
            axes(self.family())[number].at(coordinate)
        };
        match *self {
            Self::Baseline => Self::Baseline,
            Self::Linear { .. } => Self::Linear { l1_ratio: rounded(at(0)), scale: choice(&SCALES, at(1)) },
            Self::Boost { rounds, .. } => Self::Boost {
                learning_rate: rounded(at(0)),
                max_leaves: number(at(1)),
                min_rows: number(at(2)),
                l2: small(at(3)),
                l1: small(at(4)),
                columns: rounded(at(5)),
                rows: rounded(at(6)),
                bins: number(at(7)),
                rounds,
            },
            Self::Forest { extra, trees, .. } => {
                Self::Forest { extra, columns: rounded(at(0)), min_leaf: at(1).round(), entropy: at(2) > 0.5, trees }
            }
            Self::Kernel { .. } => Self::Kernel {
                shape: choice(&SHAPES, at(0)),
                width: rounded(at(1)),
                linear: small(at(2)),
                scale: choice(&SCALES, at(3)),
            },
            Self::Neighbours { .. } => {
                Self::Neighbours { by_distance: at(0) > 0.5, manhattan: at(1) > 0.5, scale: choice(&SCALES, at(2)) }
            }
            Self::Network { .. } => Self::Network {
                hidden: number(at(0)),
                layers: number(at(1)) + 1,
                learning_rate: rounded(at(2)),
                weight_decay: rounded(at(3)),
                dropout: rounded(at(4)),
                batch: number(at(5)),
                scale: choice(&SCALES, at(6)),
            },
        }
    }
}

/// The lower end of a logarithmic axis stands for nothing at all.
fn small(value: f64) -> f64 {
    if value < 1.5e-3 { 0.0 } else { rounded(value) }
}
