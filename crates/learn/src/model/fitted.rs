//! A model that has learnt, of any family.

use rayon::prelude::*;

use crate::evaluate::Predictor;
use crate::kernel::Kernel;
use crate::linear::Linear;
use crate::matrix::Matrix;
use crate::neighbours::Neighbours;
use crate::network::Network;

/// A model that has learnt.
#[derive(Debug, Clone)]
pub(crate) enum Fitted {
    /// The same for every row.
    Constant(Vec<f64>),
    Linear(Linear),
    Kernel(Kernel),
    Neighbours(Neighbours),
    Network(Network),
    /// Trees. Their shares are mixed with a little of the class shares: none of them has seen everything.
    Trees {
        predictor: Box<Predictor>,
        mix: f64,
        prior: Vec<f64>,
    },
}

/// Rows that a thread predicts at a time.
const CHUNK: usize = 64;

impl Fitted {
    /// Whether it reads rows of `columns` numbers and says `width` of them, without going out of bounds.
    pub(crate) fn fits(&self, columns: usize, width: usize) -> bool {
        match self {
            Self::Constant(values) => values.len() == width,
            Self::Linear(model) => model.is_sound(columns, width),
            Self::Kernel(model) => model.is_sound(columns, width),
            Self::Neighbours(model) => model.is_sound(columns, width),
            Self::Network(model) => model.is_sound(columns, width),
            Self::Trees { predictor, mix, prior } => {
                let outputs = predictor.outputs();
                predictor.features().len() == columns
                    && (outputs == width || (outputs == 1 && width == 2))
                    && (0.0..=1.0).contains(mix)
                    && (*mix == 0.0 || prior.len() == width)
            }
        }
    }

    /// The numbers of all rows, `width` each. `None` if the matrix has not the model's columns.
    pub(crate) fn predict(&self, matrix: &Matrix, width: usize) -> Option<Vec<f64>> {
        let rows = matrix.rows();
        match self {
            Self::Constant(values) => Some(values.repeat(rows)),
            Self::Trees { predictor, .. } => {
                let mut raw = predictor.predict_matrix(matrix).ok()?;
                if width == 2 && predictor.outputs() == 1 {
                    raw = raw.iter().flat_map(|p| [1.0 - p, *p]).collect();
                }
                raw.chunks_exact_mut(width).for_each(|row| self.mixed(row));
                Some(raw)
            }
            _ => {
                let columns = matrix.width();
                let values = matrix.to_rows();
                if columns == 0 {
                    return None;
                }
                let chunks = values.par_chunks(CHUNK * columns).map(|chunk| {
                    let mut out = vec![0.0; chunk.len() / columns * width];
                    for (row, out) in chunk.chunks_exact(columns).zip(out.chunks_exact_mut(width)) {
                        self.row(row, out)?;
                    }
                    Some(out)
                });
                chunks.collect::<Option<Vec<Vec<f64>>>>().map(|parts| parts.concat())
            }
        }
    }

    fn mixed(&self, row: &mut [f64]) {
        if let Self::Trees { mix, prior, .. } = self
            && *mix > 0.0
        {
            row.iter_mut().zip(prior).for_each(|(p, prior)| *p = (1.0 - mix) * *p + mix * prior);
        }
    }

    /// The numbers of one row. `None` if it has not the model's columns.
    pub(crate) fn row(&self, row: &[f64], out: &mut [f64]) -> Option<()> {
        let values = match self {
            Self::Constant(values) => {
                out.copy_from_slice(values);
                return Some(());
            }
            Self::Trees { predictor, .. } => {
                if predictor.outputs() == 1 && out.len() == 2 {
                    predictor.predict(row, &mut out[1..]).ok()?;
                    out[0] = 1.0 - out[1];
                } else {
                    predictor.predict(row, out).ok()?;
                }
                self.mixed(out);
                return Some(());
            }
            Self::Linear(model) => model.predict(row),
            Self::Kernel(model) => model.predict(row),
            Self::Neighbours(model) => model.predict(row),
            Self::Network(model) => model.predict(row),
        };
        (values.len() == out.len()).then(|| out.copy_from_slice(&values))
    }
}
