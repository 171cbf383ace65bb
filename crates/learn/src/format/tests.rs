//! The model file: round trips, and every corruption refused.

use super::*;
use crate::boost::{self, Loss, Params};
use crate::ensemble::{Ensemble, Missing, NodeKind, Test};
use crate::forest;
use crate::matrix::{Column, Matrix, Target};
use crate::random::Random;
use crate::stop::Never;
use proptest::prelude::*;
use std::sync::LazyLock;

/// A boosted model with categories and missing values, a forest with a value per class in its leaves, and an empty ensemble.
static MODELS: LazyLock<Vec<Ensemble>> = LazyLock::new(|| {
    let mut random = Random::stream(1, "format", 0);
    let x: Vec<f64> = (0..300).map(|i| if i % 9 == 0 { f64::NAN } else { random.normal() }).collect();
    let c: Vec<f64> = (0..300).map(|_| random.below(9) as f64).collect();
    let y: Vec<f64> =
        x.iter().zip(&c).map(|(x, c)| if x.is_nan() { 0.5 } else { *x } + f64::from(u8::from(*c > 4.0))).collect();
    let codes = y.iter().map(|y| u32::from(*y > 0.3)).collect();
    let matrix = Matrix::new(vec![Column::numeric("größe", x), Column::categorical("colour", c)]).unwrap();
    let target = Target::numbers(y).unwrap();
    let params = Params { rounds: 8, min_rows: 3, ..Params::new(Loss::Squared) };
    let boosted = boost::fit(&matrix, &target, &params, &Never).unwrap().ensemble;
    let weighed = matrix.clone().with_weights((0..300).map(|i| 0.5 + f64::from(i % 3)).collect()).unwrap();
    let params = forest::Params { trees: 3, ..forest::Params::random() };
    let grown = forest::fit(&weighed, &Target::classes(codes, 2).unwrap(), &params, &Never).unwrap().ensemble;
    let empty = Ensemble { trees: vec![], features: vec![], ..boosted.clone() };
    vec![boosted, grown, empty]
});

#[test]
fn what_is_written_is_read() {
    for model in MODELS.iter() {
        let file = write_ensemble(model);
        let read = read_ensemble(&file).unwrap();
        assert_eq!(read, in_order(model));
        assert_eq!(write_ensemble(&read), file);
    }
}

#[test]
fn large_trees_take_wide_numbers() {
    let mut model = MODELS[0].clone();
    for j in 0..70_000 {
        model.features.push(crate::ensemble::Feature { name: format!("more {j}"), ..model.features[0].clone() });
    }
    assert_eq!(read_ensemble(&write_ensemble(&model)), Ok(in_order(&model)));
    asked_alike(&model);
}

/// Files have nodes in the order in which they are used.
fn in_order(model: &Ensemble) -> Ensemble {
    Ensemble { trees: model.trees.iter().map(crate::ensemble::Tree::in_order).collect(), ..model.clone() }
}

/// What comes out of a file ready for prediction says the same, bit by bit, and holds the same.
fn asked_alike(model: &Ensemble) {
    let file = write_ensemble(model);
    let predictor = read_predictor(&file).unwrap();
    let mut random = Random::stream(2, "format", 0);
    let columns = model.features.len();
    for _ in 0..50 {
        let row: Vec<f64> = (0..columns)
            .map(|j| if random.chance(0.2) { f64::NAN } else { random.normal() + 3.0 * (j % 2) as f64 })
            .collect();
        let (mut here, mut there) = (vec![0.0; model.outputs()], vec![0.0; model.outputs()]);
        model.raw(&row, &mut here);
        predictor.raw(&row, &mut there).unwrap();
        assert!(here.iter().zip(&there).all(|(a, b)| a.to_bits() == b.to_bits()), "{row:?}");
    }
    assert_eq!(predictor.section(), encode_ensemble(model));
    assert_eq!(predictor.ensemble(), &in_order(model));
}

#[test]
fn predictors_out_of_files_say_the_same() {
    for model in MODELS.iter() {
        asked_alike(model);
    }
    // A threshold that zero counts as missing for in one split only: no common number, and yet an answer.
    let mut mixed = MODELS[0].clone();
    let mut splits = mixed.trees.iter_mut().flat_map(|tree| &mut tree.nodes).filter_map(|node| match &mut node.kind {
        NodeKind::Split { missing, test: Test::AtMost(_), .. } => Some(missing),
        _ => None,
    });
    *splits.next().unwrap() = Missing::ZeroRight;
    drop(splits);
    asked_alike(&mixed);
}

#[test]
fn sections_are_found_by_name() {
    let mut writer = Writer::default();
    writer.section("b", true, vec![1, 2, 3]).unwrap();
    writer.section("a", false, vec![]).unwrap();
    assert!(writer.section("a", true, vec![]).is_err());
    assert!(writer.section("", true, vec![]).is_err());
    assert!(writer.section("seventeen letters", true, vec![]).is_err());
    let file = writer.finish();
    let container = Container::open(&file).unwrap();
    assert_eq!(container.names().collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!((container.section("b"), container.section("a")), (Ok(&[1, 2, 3][..]), Ok(&[][..])));
    assert!(container.section("c").unwrap_err().to_string().contains("not there"));
    assert!(container.expect_only(&["b"]).is_ok());
    assert!(container.expect_only(&["a"]).unwrap_err().to_string().contains("`b`"));
}

#[test]
fn faults_have_names() {
    let file = write_ensemble(&MODELS[0]);
    let fault = |file: &[u8]| read_ensemble(file).unwrap_err();
    assert_eq!(fault(b"PK\x03\x04 and so on"), FormatError::NotAModel);
    assert_eq!(fault(&[]), FormatError::NotAModel);
    assert!(matches!(fault(&file[..file.len() - 1]), FormatError::Length { .. }));
    let mut newer = file.clone();
    newer[8] = 2;
    assert_eq!(fault(&newer), FormatError::Version(2));
    let mut damaged = file.clone();
    damaged[200] ^= 1;
    assert_eq!(fault(&damaged).to_string(), "section `ensemble` is damaged: its checksum does not fit");
    let mut writer = Writer::default();
    writer.section("surprise", true, vec![]).unwrap();
    assert!(fault(&writer.finish()).to_string().contains("understood"));
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let file = write_ensemble(&MODELS[2]);
    assert!(file.len() < 400);
    for at in 0..file.len() {
        assert!(read_ensemble(&file[..at]).is_err());
        for bit in 0..8 {
            let mut other = file.clone();
            other[at] ^= 1 << bit;
            assert!(read_ensemble(&other).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn absurd_counts_are_not_believed() {
    let mut content = encode_ensemble(&MODELS[0]);
    // The number of columns.
    content[3..11].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(decode_ensemble(&content).unwrap_err().to_string().contains("where at most"));
    let mut huge = write_ensemble(&MODELS[2]);
    huge[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(read_ensemble(&huge).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn damage_is_refused(
        model in 0usize..3, hits in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let whole = write_ensemble(&MODELS[model]);
        let mut file = whole.clone();
        for (at, change) in hits {
            let at = at.index(file.len());
            file[at] ^= change;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        prop_assume!(file != whole);
        prop_assert!(read_ensemble(&file).is_err());
    }

    /// Behind a good checksum: whatever the content says, it is either refused or a sound ensemble.
    #[test]
    fn no_content_does_harm(
        model in 0usize..3, hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut content = encode_ensemble(&MODELS[model]);
        for (at, value) in hits {
            let at = at.index(content.len());
            content[at] = value;
        }
        let ready = decode_predictor(&content);
        match decode_ensemble(&content) {
            Ok(ensemble) => {
                prop_assert!(ensemble.validate().is_ok());
                let row = vec![0.5; ensemble.features.len()];
                let (mut here, mut there) = (vec![0.0; ensemble.outputs()], vec![0.0; ensemble.outputs()]);
                ensemble.raw(&row, &mut here);
                ready.unwrap().raw(&row, &mut there).unwrap();
                prop_assert!(here.iter().zip(&there).all(|(a, b)| a.to_bits() == b.to_bits()));
            }
            Err(_) => prop_assert!(ready.is_err()),
        }
    }

    #[test]
    fn noise_is_refused(content in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read_ensemble(&content).is_err());
        let _ = decode_ensemble(&content);
    }
}
