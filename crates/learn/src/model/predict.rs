//! What a model says about rows.

use rayon::prelude::*;

use super::{Bounds, Member, Model, ModelError, Predictions};
use crate::matrix::Matrix;
use crate::metrics::decide;
use crate::prepare::Cell;
use crate::table::Table;

impl Model {
    /// Predicts every row of a table. It needs the columns of the training table, by name, in any order; others are ignored.
    ///
    /// # Errors
    /// [`ModelError::Prepare`] names the column that is missing or the cell that is not of its kind.
    pub fn predict(&self, table: &Table) -> Result<Predictions, ModelError> {
        let mut values = self.blended(&self.by_member(table)?);
        self.calibrate(&mut values);
        let labels = self.labels(&values);
        Ok(Predictions { width: self.width(), values, labels })
    }

    /// Names of the classes decided for.
    pub(crate) fn labels(&self, values: &[f64]) -> Vec<String> {
        if self.classes.is_empty() {
            return Vec::new();
        }
        let name = |code: u32| self.classes.get(code as usize).cloned().unwrap_or_default();
        decide(values, self.width()).into_iter().map(name).collect()
    }

    fn calibrate(&self, values: &mut [f64]) {
        if !self.classes.is_empty() {
            values.chunks_exact_mut(self.width()).for_each(|row| self.temperature.apply(row));
        }
    }

    /// Predictions of each part of each member.
    fn by_member(&self, table: &Table) -> Result<Vec<Vec<Vec<f64>>>, ModelError> {
        let matrices: Vec<Matrix> =
            self.prepares.iter().map(|prepare| prepare.transform(table)).collect::<Result<_, _>>()?;
        // Models that need no columns need the number of rows.
        let bare = Matrix::from_rows(&vec![0.0; table.rows()], 1).map_err(|e| ModelError::Broken(e.to_string()))?;
        self.members
            .par_iter()
            .map(|member| {
                member
                    .parts
                    .par_iter()
                    .map(|part| {
                        let matrix = part.prepare.map_or(Some(&bare), |at| matrices.get(at as usize));
                        let predicted = matrix.and_then(|matrix| part.fitted.predict(matrix, self.width()));
                        predicted.ok_or_else(|| ModelError::Broken(format!("trial {} has other columns", member.trial)))
                    })
                    .collect()
            })
            .collect()
    }

    /// The members' words (each the mean over its parts, in fixed order) made one.
    fn blended(&self, by_member: &[Vec<Vec<f64>>]) -> Vec<f64> {
        let said: Vec<Vec<f64>> = self
            .members
            .iter()
            .zip(by_member)
            .map(|(member, parts)| member.mean(parts.iter().map(Vec::as_slice)))
            .collect();
        let length = said.first().map_or(0, Vec::len);
        let width = self.width();
        let mut out = Vec::with_capacity(length);
        let mut row: Vec<&[f64]> = Vec::with_capacity(said.len());
        for at in (0..length).step_by(width) {
            row.clear();
            row.extend(said.iter().map(|member| &member[at..at + width]));
            self.combine(&row, &mut out);
        }
        out
    }

    /// The members' words on one row made one.
    fn combine(&self, said: &[&[f64]], out: &mut Vec<f64>) {
        if let Some(stack) = &self.stack {
            out.extend(stack.combine(said));
            return;
        }
        let start = out.len();
        out.resize(start + self.width(), 0.0);
        for (member, said) in self.members.iter().zip(said) {
            out[start..].iter_mut().zip(*said).for_each(|(sum, p)| *sum += member.weight * p);
        }
    }

    /// Predicts one row: a cell per column of [`Model::sources`], in their order. Gives [`Model::width`] numbers. Equal to
    /// [`Model::predict`] bit by bit.
    ///
    /// # Errors
    /// [`ModelError::Prepare`] names the cell that is not of its column's kind.
    pub fn predict_row(&self, cells: &[Cell<'_>]) -> Result<Vec<f64>, ModelError> {
        let width = self.width();
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(self.prepares.len());
        for prepare in &self.prepares {
            let mut row = Vec::with_capacity(64);
            prepare.transform_row(cells, &mut row)?;
            rows.push(row);
        }
        let mut said: Vec<Vec<f64>> = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let mut parts = vec![vec![0.0; width]; member.parts.len()];
            for (part, own) in member.parts.iter().zip(&mut parts) {
                let row = part.prepare.and_then(|at| rows.get(at as usize)).map_or(&[][..], Vec::as_slice);
                let broken = || ModelError::Broken(format!("trial {} has other columns", member.trial));
                part.fitted.row(row, own).ok_or_else(broken)?;
            }
            said.push(member.mean(parts.iter().map(Vec::as_slice)));
        }
        let mut out = Vec::with_capacity(width);
        self.combine(&said.iter().map(Vec::as_slice).collect::<Vec<_>>(), &mut out);
        self.calibrate(&mut out);
        Ok(out)
    }

    /// For each row of a table an interval that holds the truth with this coverage.
    ///
    /// # Errors
    /// As [`Model::predict`]; [`ModelError::WrongTask`] for a model of classes; [`ModelError::BadCoverage`].
    pub fn intervals(&self, table: &Table, coverage: f64) -> Result<Vec<(f64, f64)>, ModelError> {
        check(coverage)?;
        let Bounds::Numbers(bounds) = &self.bounds else {
            return Err(ModelError::WrongTask { asked: "intervals", task: "classes" });
        };
        let by_member = self.by_member(table)?;
        let folds = bounds.folds();
        let interval = |row: usize| {
            let of_fold = |fold: usize| {
                let of_member = self.members.iter().zip(&by_member).map(|(member, parts)| {
                    // A member that was learnt from all rows says the same for every fold.
                    let part = parts.get(fold).or(parts.last()).and_then(|part| part.get(row));
                    [part.copied().unwrap_or(f64::NAN) + member.shift]
                });
                let said: Vec<[f64; 1]> = of_member.collect();
                let mut out = Vec::with_capacity(1);
                self.combine(&said.iter().map(<[f64; 1]>::as_slice).collect::<Vec<_>>(), &mut out);
                out.first().copied().unwrap_or(f64::NAN)
            };
            bounds.interval(&(0..folds).map(of_fold).collect::<Vec<f64>>(), coverage)
        };
        Ok((0..table.rows()).into_par_iter().map(interval).collect())
    }

    /// For each row of a table the classes (by code) that hold the truth with this coverage, the most probable first.
    ///
    /// # Errors
    /// As [`Model::predict`]; [`ModelError::WrongTask`] for a model of numbers; [`ModelError::BadCoverage`].
    pub fn sets(&self, table: &Table, coverage: f64) -> Result<Vec<Vec<u32>>, ModelError> {
        check(coverage)?;
        let Bounds::Classes(bounds) = &self.bounds else {
            return Err(ModelError::WrongTask { asked: "sets of classes", task: "numbers" });
        };
        let predictions = self.predict(table)?;
        Ok(predictions.values.chunks_exact(self.width()).map(|row| bounds.set(row, coverage)).collect())
    }
}

impl Member {
    /// The mean of its parts' words, and its shift.
    fn mean<'a>(&self, parts: impl Iterator<Item = &'a [f64]>) -> Vec<f64> {
        let mut out: Vec<f64> = Vec::new();
        for part in parts {
            out.resize(part.len(), 0.0);
            out.iter_mut().zip(part).for_each(|(sum, p)| *sum += p);
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of folds")]
        let parts = self.parts.len() as f64;
        out.iter_mut().for_each(|sum| *sum = *sum / parts + self.shift);
        out
    }
}

fn check(coverage: f64) -> Result<(), ModelError> {
    if coverage > 0.0 && coverage < 1.0 { Ok(()) } else { Err(ModelError::BadCoverage(coverage)) }
}
