//! Bins: where their limits fall, and what they keep.

use super::*;
use proptest::prelude::*;

fn cut(values: Vec<f64>, params: BinParams) -> Binned {
    let matrix = Matrix::new(vec![Column::numeric("x", values)]).unwrap();
    Bins::new(&matrix, &params).unwrap().columns.remove(0)
}

fn ends(column: &Binned) -> &[f64] {
    match &column.cut {
        Cut::Quantity { upper, .. } => upper,
        Cut::Category { .. } => panic!("not a quantity"),
    }
}

#[test]
fn few_values_get_a_bin_each_and_nan_one_of_its_own() {
    let column = cut(vec![3.0, 1.0, f64::NAN, 2.0, 2.0, -0.0, 0.0], BinParams { min_rows: 1, ..BinParams::default() });
    assert_eq!(ends(&column), [0.5, 1.5, 2.5]);
    assert_eq!(column.codes, [3, 1, 4, 2, 2, 0, 0]);
    assert_eq!((column.cut.bins(), column.cut.value_bins()), (5, 4));
}

#[test]
fn bins_hold_the_least_number_of_rows() {
    let column = cut((0..9).map(f64::from).collect(), BinParams::default());
    assert_eq!(ends(&column), [2.5, 5.5]);
}

#[test]
fn many_values_are_cut_into_equal_shares() {
    let values: Vec<f64> = (0..10_000).map(|i| f64::from(i * 7919 % 10_000)).collect();
    let column = cut(values, BinParams::default());
    let mut counts = [0; 256];
    column.codes.iter().for_each(|c| counts[usize::from(*c)] += 1);
    assert!(column.cut.bins() > 240, "{}", column.cut.bins());
    assert!(counts[..column.cut.bins() - 1].iter().all(|n| (38..=42).contains(n)), "{counts:?}");
}

#[test]
fn a_frequent_value_has_its_own_bin() {
    let values: Vec<f64> = (0..6000).map(|i| if i % 2 == 0 { 0.0 } else { f64::from(i) - 3000.0 }).collect();
    let column = cut(values.clone(), BinParams { max_bins: 16, ..BinParams::default() });
    let zero = column.codes[0];
    assert!(values.iter().zip(&column.codes).all(|(v, c)| (*c == zero) == (*v == 0.0)));
    assert!(column.cut.bins() <= 16);
}

#[test]
fn infinities_are_the_outermost_values() {
    let values = vec![f64::INFINITY, f64::NEG_INFINITY, 0.0, f64::MAX, f64::MIN];
    let column = cut(values, BinParams { min_rows: 1, ..BinParams::default() });
    assert_eq!(column.codes, [4, 0, 2, 3, 1]);
}

#[test]
fn categories_come_by_frequency_and_the_rest_share_a_bin() {
    let codes = vec![5.0, 9.0, 9.0, f64::NAN, -1.0, 2.0, 5.0, 9.0, 2.0, 7.0];
    let matrix = Matrix::new(vec![Column::categorical("c", codes)]).unwrap();
    let column = Bins::new(&matrix, &BinParams { max_bins: 3, ..BinParams::default() }).unwrap().columns.remove(0);
    assert_eq!(column.cut, Cut::Category { codes: vec![9, 2, 5] });
    assert_eq!(column.codes, [2, 0, 0, 3, 3, 1, 2, 0, 1, 3]);
}

#[test]
fn empty_and_all_missing_columns_have_one_bin_of_values() {
    assert_eq!(cut(vec![], BinParams::default()).cut.bins(), 1);
    let column = cut(vec![f64::NAN; 3], BinParams::default());
    assert_eq!((column.cut.bins(), column.codes), (2, vec![1; 3]));
    let matrix = Matrix::new(vec![]).unwrap();
    assert!(Bins::new(&matrix, &BinParams { max_bins: 256, ..BinParams::default() }).is_err());
}

proptest! {
    #[test]
    fn a_bin_says_on_which_side_of_every_end_a_value_lies(
        values in prop::collection::vec(prop_oneof![any::<f64>(), (-5i32..5).prop_map(f64::from)], 0..400),
        max_bins in 2usize..=255,
    ) {
        let column = cut(values.clone(), BinParams { max_bins, min_rows: 1, seed: 0 });
        let ends = ends(&column);
        prop_assert!(ends.len() < max_bins && ends.windows(2).all(|w| w[0] < w[1]) && ends.iter().all(|e| !e.is_nan()));
        for (value, code) in values.iter().zip(&column.codes) {
            let code = usize::from(*code);
            if value.is_nan() {
                prop_assert_eq!(code, ends.len() + 1);
            } else {
                prop_assert!(code <= ends.len());
                prop_assert!(ends.iter().enumerate().all(|(b, end)| (*value <= *end) == (code <= b)));
            }
        }
    }
}
