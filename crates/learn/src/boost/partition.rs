//! A leaf's rows parted into those that go left and those that go right, each side in its old order.

use rayon::prelude::*;

/// Rows one thread parts at a time: 64 KiB of row numbers.
const CHUNK: usize = 16_384;

/// Parts `rows` by `table[codes[row]]` (1: left); returns how many went left. `left` and `right` are scratch, as long as `rows`.
pub(super) fn partition(
    rows: &mut [u32],
    codes: &[u8],
    table: &[u8; 256],
    left: &mut [u32],
    right: &mut [u32],
) -> usize {
    if rows.len() <= CHUNK {
        let count = part(rows, codes, table, left, right);
        let (to_left, to_right) = rows.split_at_mut(count);
        to_left.copy_from_slice(&left[..count]);
        to_right.copy_from_slice(&right[..to_right.len()]);
        return count;
    }
    let counts: Vec<usize> = rows
        .par_chunks(CHUNK)
        .zip(left.par_chunks_mut(CHUNK).zip(right.par_chunks_mut(CHUNK)))
        .map(|(rows, (left, right))| part(rows, codes, table, left, right))
        .collect();
    let total: usize = counts.iter().sum();
    let (mut to_left, mut to_right) = rows.split_at_mut(total);
    let mut moves = Vec::with_capacity(counts.len() * 2);
    for (count, (left, right)) in counts.iter().zip(left.chunks(CHUNK).zip(right.chunks(CHUNK))) {
        let length = left.len();
        let (here, after) = to_left.split_at_mut(*count);
        moves.push((here, &left[..*count]));
        to_left = after;
        let (here, after) = to_right.split_at_mut(length - *count);
        moves.push((here, &right[..length - *count]));
        to_right = after;
    }
    moves.into_par_iter().for_each(|(to, from)| to.copy_from_slice(from));
    total
}

fn part(rows: &[u32], codes: &[u8], table: &[u8; 256], left: &mut [u32], right: &mut [u32]) -> usize {
    // Every row is written to both sides and one of them moves on: no branch to guess.
    let (mut to_left, mut to_right) = (0, 0);
    for row in rows {
        let goes = usize::from(table[usize::from(codes[*row as usize])]);
        left[to_left] = *row;
        right[to_right] = *row;
        to_left += goes;
        to_right += 1 - goes;
    }
    to_left
}
