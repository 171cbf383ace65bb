//! Histograms and partitions against what they should be.

use super::super::histogram::{Histogram, Layout, NARROW_MAX, Rows, Units, word};
use super::super::loss::{quantile, weighted_quantile};
use super::super::partition::partition;
use super::super::slopes::Slopes;
use super::*;

fn table(rows: usize, columns: usize) -> Bins {
    let mut random = Random::stream(9, "bins", 0);
    let column = |j: usize| Column::numeric(format!("f{j}"), (0..rows).map(|_| random.normal()).collect());
    Bins::new(&Matrix::new((0..columns).map(column).collect()).unwrap(), &Default::default()).unwrap()
}

#[test]
fn histograms_are_exact_sums_at_any_width_and_number_of_threads() {
    for columns in [1, 5, 12, 16, 19] {
        let bins = table(20_000, columns);
        let mut random = Random::stream(9, "units", 0);
        let slope = |random: &mut Random| ((random.unit() - 0.5) * 2.0 * NARROW_MAX).round();
        let pairs: Vec<[f64; 2]> = (0..20_000).map(|_| [slope(&mut random), slope(&mut random).abs()]).collect();
        let narrow = Units { rows: Rows::Narrow(pairs.iter().map(|[g, h]| word(*g, *h)).collect()), g: 1.0, h: 1.0 };
        let wide = Units { rows: Rows::Wide(pairs.clone()), g: 1.0, h: 1.0 };
        let layout = Layout::new(&bins, (0..columns as u32).collect());
        let rows: Vec<u32> = (0..20_000).filter(|row| row % 7 != 0).collect();
        let mut expected = vec![[0.0; 2]; layout.bins()];
        for row in &rows {
            for (column, offset) in bins.columns.iter().zip(&layout.offsets) {
                let sums = &mut expected[offset + usize::from(column.codes[*row as usize])];
                sums[0] += pairs[*row as usize][0];
                sums[1] += pairs[*row as usize][1];
            }
        }
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for units in [&narrow, &wide] {
                let mut histogram = Histogram::default();
                pool.install(|| layout.count(&rows, units, &mut histogram, &mut Vec::new()));
                assert!(histogram.g.iter().zip(&histogram.h).zip(&expected).all(|((g, h), e)| [*g, *h] == *e));
            }
        }
    }
}

#[test]
fn the_largest_slopes_do_not_overflow() {
    let bins = table(20_000, 1);
    let mut one_bin = bins;
    one_bin.columns[0].codes.fill(3);
    for sign in [1.0, -1.0] {
        let words = vec![word(sign * NARROW_MAX, NARROW_MAX); 20_000];
        let units = Units { rows: Rows::Narrow(words), g: 1.0, h: 1.0 };
        let mut histogram = Histogram::default();
        let rows: Vec<u32> = (0..20_000).collect();
        Layout::new(&one_bin, vec![0]).count(&rows, &units, &mut histogram, &mut Vec::new());
        assert_eq!((histogram.g[3], histogram.h[3]), (sign * NARROW_MAX * 20_000.0, NARROW_MAX * 20_000.0));
    }
}

#[test]
fn parted_rows_keep_their_order() {
    for count in [0_u32, 1, 100, 16_384, 16_385, 70_000] {
        let codes: Vec<u8> = (0..count).map(|row| (row * 31 % 256) as u8).collect();
        let mut table = [0; 256];
        table.iter_mut().enumerate().for_each(|(code, left)| *left = u8::from(code % 5 < 2));
        let mut rows: Vec<u32> = (0..count).collect();
        let (left, right): (Vec<u32>, Vec<u32>) = rows.iter().partition(|row| codes[**row as usize] % 5 < 2);
        let mut scratch = [rows.clone(), rows.clone()];
        let [a, b] = &mut scratch;
        assert_eq!(partition(&mut rows, &codes, &table, a, b), left.len());
        assert_eq!(rows, [left, right].concat());
    }
}

#[test]
fn slopes_become_narrow_units_unless_a_few_dwarf_the_rest() {
    let mut slopes = Slopes::new(10_000, 1);
    slopes.h[0].fill(1.0);
    slopes.g[0].iter_mut().enumerate().for_each(|(i, g)| *g = (i % 100) as f32 - 50.0);
    let units = slopes.units(0, true).unwrap();
    assert!(matches!(units.rows, Rows::Narrow(_)) && units.h == 1.0);
    slopes.g[0][5] = 1e9;
    let units = slopes.units(0, true).unwrap();
    let Rows::Wide(pairs) = &units.rows else { panic!("not wide") };
    assert!(pairs.iter().all(|[g, h]| g.fract() == 0.0 && *h == 1.0));
    assert!((pairs[1][0] * units.g + 49.0).abs() < 0.1);
    slopes.g[0].fill(0.0);
    assert!(slopes.units(0, true).is_none());
}

#[test]
fn one_side_sampling_keeps_the_large_and_raises_the_rest() {
    let mut slopes = Slopes::new(10_000, 1);
    slopes.h[0].fill(1.0);
    slopes.g[0].iter_mut().enumerate().for_each(|(i, g)| *g = if i < 2000 { 10.0 } else { 1.0 });
    let mut rows = Vec::new();
    slopes.sample(RowSampling::Goss { top: 0.2, other: 0.1 }, 1, &mut rows);
    assert_eq!(rows[..2000], (0..2000).collect::<Vec<u32>>());
    let drawn = &rows[2000..];
    assert!(drawn.len().abs_diff(1000) < 150, "{}", drawn.len());
    assert!(drawn.iter().all(|row| slopes.g[0][*row as usize] == 8.0 && slopes.h[0][*row as usize] == 8.0));
}

#[test]
fn quantiles_are_the_same_with_and_without_weights() {
    let mut random = Random::stream(9, "quantiles", 0);
    for count in [0, 1, 2, 3, 10, 101] {
        let values: Vec<f64> = (0..count).map(|_| (random.normal() * 3.0).round()).collect();
        for q in [0.1, 0.25, 0.5, 0.9] {
            let mut pairs: Vec<(f64, f64)> = values.iter().map(|v| (*v, 1.0)).collect();
            assert_eq!(quantile(&mut values.clone(), q), weighted_quantile(&mut pairs, q), "{count} {q}");
        }
    }
}
