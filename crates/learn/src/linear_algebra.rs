//! The little linear algebra that learners need, in the plain `f64` of slices: columns orthogonalised, symmetric eigenvectors,
//! Cholesky factors. Row-major unless it says columns.

use fearless_simd::{Level, Simd, dispatch};
use rayon::prelude::*;

#[inline(always)]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Four sums side by side: the processor need not wait for one addition before the next.
    let mut sums = [0.0; 4];
    let (quads_a, quads_b) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = quads_a.remainder().iter().zip(quads_b.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in quads_a.zip(quads_b) {
        sums.iter_mut().zip(x).zip(y).for_each(|((sum, x), y)| *sum += x * y);
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// `a += factor × b`.
#[inline(always)]
pub(crate) fn add_scaled(a: &mut [f64], factor: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(x, y)| *x += factor * y);
}

/// Makes columns of length `length` orthonormal, in place (modified Gram and Schmidt, twice: enough in double precision).
/// Columns that depend on those before become zero.
pub(crate) fn orthonormal(columns: &mut [f64], length: usize) {
    for at in 0..columns.len() / length.max(1) {
        let (before, rest) = columns.split_at_mut(at * length);
        let own = &mut rest[..length];
        let size = dot(own, own).sqrt();
        for _ in 0..2 {
            for other in before.chunks_exact(length) {
                let along = dot(own, other);
                add_scaled(own, -along, other);
            }
        }
        let left = dot(own, own).sqrt();
        let scale = if left > 1e-12 * size && left > 0.0 { 1.0 / left } else { 0.0 };
        own.iter_mut().for_each(|x| *x *= scale);
    }
}

/// Eigenvalues (descending) and eigenvectors (column `j` belongs to value `j`) of a small symmetric matrix, by Jacobi's
/// rotations (Golub and Van Loan, "Matrix computations", 8.5).
pub(crate) fn symmetric_eigen(matrix: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut a = matrix.to_vec();
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    // Quadratic convergence: far fewer sweeps than this are needed.
    for _ in 0..60 {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i * n + j].powi(2)).sum();
        let diagonal: f64 = (0..n).map(|i| a[i * n + i].powi(2)).sum();
        if off <= 1e-26 * diagonal {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut vectors, n, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| a[j * n + j].total_cmp(&a[i * n + i]));
    let values = order.iter().map(|i| a[i * n + i]).collect();
    let sorted = (0..n).flat_map(|row| order.iter().map(move |i| (row, *i))).map(|(row, i)| vectors[row * n + i]);
    (values, sorted.collect())
}

fn rotate(a: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) {
    let off = a[p * n + q];
    if off == 0.0 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * off);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let t = if theta == 0.0 { 1.0 } else { t };
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        a[p * n + k] = c * x - s * y;
        a[q * n + k] = s * x + c * y;
    }
    for k in 0..n {
        let (x, y) = (vectors[k * n + p], vectors[k * n + q]);
        vectors[k * n + p] = c * x - s * y;
        vectors[k * n + q] = s * x + c * y;
    }
}

/// Width of the blocks of [`cholesky`]: a panel of 1,000 rows stays in the second-level cache. A multiple of the lanes.
const BLOCK: usize = 64;
/// Sums side by side in [`dots`]: what a vector of 256 bits holds. The same everywhere, so that sums are the same bits.
const LANES: usize = 4;
/// Rows from which on threads share the work.
const MANY: usize = 768;
/// Rows that a thread takes at a time.
const ROWS: usize = 32;

/// The lower factor `L` with `L Lᵀ = matrix` (symmetric, row-major; only the lower half is read, the upper half of the result
/// is left as it was). `None` if the matrix is not positive definite.
pub(crate) fn cholesky(mut matrix: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    let level = Level::new();
    for start in (0..n).step_by(BLOCK) {
        let end = (start + BLOCK).min(n);
        // The block on the diagonal.
        for i in start..end {
            for j in start..=i {
                let (own, other) = (&matrix[i * n + start..i * n + j], &matrix[j * n + start..j * n + j]);
                let rest = matrix[i * n + j] - dot(own, other);
                if i == j {
                    if !(rest > 0.0 && rest.is_finite()) {
                        return None;
                    }
                    matrix[i * n + i] = rest.sqrt();
                } else {
                    matrix[i * n + j] = rest / matrix[j * n + j];
                }
            }
        }
        let (above, below) = matrix.split_at_mut(end * n);
        // The rows below it, each on its own.
        in_chunks(below, n, |_, rows| {
            for row in rows.chunks_exact_mut(n) {
                for j in start..end {
                    let rest = row[j] - dot(&row[start..j], &above[j * n + start..j * n + j]);
                    row[j] = rest / above[j * n + j];
                }
            }
        });
        // What is left, less the product of these rows, of which there are four more than needed: all zero.
        let mut panel = vec![[0.0; BLOCK]; below.len() / n + 4];
        for (row, own) in below.chunks_exact(n).zip(&mut panel) {
            own[..end - start].copy_from_slice(&row[start..end]);
        }
        in_chunks(below, n, |first, rows| {
            dispatch!(level, simd => subtract_products(simd, rows, n, end, &panel, first));
        });
    }
    Some(matrix)
}

/// Some rows at a time, on all threads where there are many; with the number of the first.
fn in_chunks(rows: &mut [f64], n: usize, work: impl Fn(usize, &mut [f64]) + Sync) {
    if rows.len() / n.max(1) >= MANY {
        rows.par_chunks_mut(ROWS * n).enumerate().for_each(|(at, rows)| work(at * ROWS, rows));
    } else {
        rows.chunks_mut(ROWS * n).enumerate().for_each(|(at, rows)| work(at * ROWS, rows));
    }
}

/// Takes from each row, from column `from` on, its products with the panel's rows up to itself (and up to three more, which
/// changes only the half that nobody reads).
#[inline(always)]
fn subtract_products<S: Simd>(_: S, rows: &mut [f64], n: usize, from: usize, panel: &[[f64; BLOCK]], first: usize) {
    for (pair, rows) in rows.chunks_mut(2 * n).enumerate() {
        let own = first + 2 * pair;
        let last = own + rows.len() / n;
        let a = [&panel[own], &panel[own + 1]];
        for other in (0..last).step_by(4) {
            let b = [&panel[other], &panel[other + 1], &panel[other + 2], &panel[other + 3]];
            let products = dots(a, b);
            let room = (n - from - other).min(4);
            for (row, products) in rows.chunks_exact_mut(n).zip(&products) {
                for (x, product) in row[from + other..from + other + room].iter_mut().zip(products) {
                    *x -= product;
                }
            }
        }
    }
}

/// All products of two with four rows of a panel.
#[inline(always)]
fn dots(a: [&[f64; BLOCK]; 2], b: [&[f64; BLOCK]; 4]) -> [[f64; 4]; 2] {
    let mut sums = [[[0.0; LANES]; 4]; 2];
    let mut at = 0;
    while at < BLOCK {
        for i in 0..2 {
            for j in 0..4 {
                for lane in 0..LANES {
                    sums[i][j][lane] += a[i][at + lane] * b[j][at + lane];
                }
            }
        }
        at += LANES;
    }
    let mut out = [[0.0; 4]; 2];
    for i in 0..2 {
        for j in 0..4 {
            let lanes = sums[i][j];
            out[i][j] = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
        }
    }
    out
}

/// Solves `L Lᵀ x = b` in place.
pub(crate) fn cholesky_solve(factor: &[f64], n: usize, b: &mut [f64]) {
    for i in 0..n {
        b[i] = (b[i] - dot(&factor[i * n..i * n + i], &b[..i])) / factor[i * n + i];
    }
    for i in (0..n).rev() {
        let x = b[i] / factor[i * n + i];
        b[i] = x;
        add_scaled(&mut b[..i], -x, &factor[i * n..i * n + i]);
    }
}

/// The diagonal of `(L Lᵀ)⁻¹`.
pub(crate) fn cholesky_inverse_diagonal(factor: &[f64], n: usize) -> Vec<f64> {
    let level = Level::new();
    // Columns of L⁻¹ in groups: each row of L that is read serves all of a group.
    let groups: Vec<usize> = (0..n).step_by(COLUMNS).collect();
    let of_group = |first: &usize| dispatch!(level, simd => inverse_columns(simd, factor, n, *first));
    let sums: Vec<[f64; COLUMNS]> =
        if n >= MANY { groups.par_iter().map(of_group).collect() } else { groups.iter().map(of_group).collect() };
    sums.concat().into_iter().take(n).collect()
}

/// Columns of an inverse that are found together.
const COLUMNS: usize = 8;

/// The sums of squares of some columns of `L⁻¹`: the diagonal of `L⁻ᵀ L⁻¹`. Column j begins at row j.
#[inline(always)]
fn inverse_columns<S: Simd>(_: S, factor: &[f64], n: usize, first: usize) -> [f64; COLUMNS] {
    let mut columns = vec![[0.0; COLUMNS]; n - first];
    let mut squares = [0.0; COLUMNS];
    for i in first..n {
        let row = &factor[i * n..i * n + i + 1];
        let mut sums = [0.0; COLUMNS];
        for (x, known) in row[first..i].iter().zip(&columns) {
            for lane in 0..COLUMNS {
                sums[lane] += x * known[lane];
            }
        }
        let own = &mut columns[i - first];
        for lane in 0..COLUMNS {
            let unit = f64::from(u8::from(i - first == lane));
            own[lane] = (unit - sums[lane]) / row[i];
            squares[lane] += own[lane] * own[lane];
        }
    }
    squares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn positive(n: usize) -> Vec<f64> {
        let mut random = Random::stream(1, "test", 0);
        let a: Vec<f64> = (0..n * n).map(|_| random.normal()).collect();
        let mut out = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..n {
                out[i * n + j] = dot(&a[i * n..(i + 1) * n], &a[j * n..(j + 1) * n]) + f64::from(u8::from(i == j));
            }
        }
        out
    }

    #[test]
    fn cholesky_solves_and_inverts() {
        for n in [1, 7, 48, 49, 130] {
            let matrix = positive(n);
            let factor = cholesky(matrix.clone(), n).unwrap();
            let x: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
            let mut b: Vec<f64> = matrix.chunks_exact(n).map(|row| dot(row, &x)).collect();
            cholesky_solve(&factor, n, &mut b);
            assert!(b.iter().zip(&x).all(|(found, x)| (found - x).abs() < 1e-8));
            let diagonal = cholesky_inverse_diagonal(&factor, n);
            for j in [0, n - 1] {
                let mut unit = vec![0.0; n];
                unit[j] = 1.0;
                cholesky_solve(&factor, n, &mut unit);
                assert!((unit[j] - diagonal[j]).abs() < 1e-9);
            }
        }
        assert!(cholesky(vec![1.0, 2.0, 2.0, 1.0], 2).is_none());
    }

    #[test]
    fn eigenvectors_rebuild_the_matrix() {
        let n = 9;
        let matrix = positive(n);
        let (values, vectors) = symmetric_eigen(&matrix, n);
        assert!(values.windows(2).all(|pair| pair[0] >= pair[1]));
        for i in 0..n {
            for j in 0..n {
                let rebuilt: f64 = (0..n).map(|k| values[k] * vectors[i * n + k] * vectors[j * n + k]).sum();
                assert!((rebuilt - matrix[i * n + j]).abs() < 1e-9);
            }
        }
    }
}
