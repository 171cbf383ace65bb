//! The inner loop of TreeSHAP: a tape played for a block of rows, rows in the lanes of vectors.

use super::plan::{Kind, POINTS, Shape, Step, Tape};
use fearless_simd::{Simd, f64x8, prelude::*};

/// Rows of a block.
pub(super) const LANES: usize = 16;
const VECTOR: usize = 8;

/// One number for each row of a block.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Lanes(pub [f64; LANES]);

/// One number for each point and each row of a block.
type Bundle = [Lanes; POINTS];

const NOUGHT: Lanes = Lanes([0.0; LANES]);

/// What a tape remembers on its way.
#[derive(Debug)]
pub(super) struct Memory {
    /// `G` by level.
    g: Vec<Bundle>,
    /// `B` by slot.
    b: Vec<Bundle>,
    /// `s`, the turn and the product of earlier turns on the same feature, by level.
    path: Vec<[Lanes; 3]>,
}

impl Memory {
    pub(super) fn new(levels: usize) -> Self {
        let levels = levels.max(1);
        Self {
            g: vec![[NOUGHT; POINTS]; levels + 1],
            b: vec![[NOUGHT; POINTS]; 2 * levels],
            path: vec![[NOUGHT; 3]; levels],
        }
    }
}

/// The values of a block.
pub(super) struct Block<'a> {
    pub planes: &'a [Lanes],
    /// Where in `planes` each plane of the plan is.
    pub place: &'a [u32],
}

/// Turns of the rows at a test that is no comparison, as 0 and 1.
pub(super) trait Turns {
    fn turns(&self, odd: u32, values: &Lanes) -> Lanes;
}

#[inline(always)]
fn load<S: Simd>(simd: S, lanes: &Lanes, half: usize) -> f64x8<S> {
    f64x8::from_slice(simd, &lanes.0[half * VECTOR..(half + 1) * VECTOR])
}

#[inline(always)]
fn store<S: Simd>(value: f64x8<S>, lanes: &mut Lanes, half: usize) {
    value.store_slice(&mut lanes.0[half * VECTOR..(half + 1) * VECTOR]);
}

/// Plays `tape`, adding to `sums` (by used feature).
#[inline(always)]
pub(super) fn play<S: Simd, const Q: usize>(
    simd: S,
    tape: &Tape,
    block: &Block<'_>,
    turns: &impl Turns,
    memory: &mut Memory,
    sums: &mut [Lanes],
) {
    let mut t = [f64x8::splat(simd, 0.0); Q];
    for (t, node) in t.iter_mut().zip(&tape.nodes) {
        *t = f64x8::splat(simd, *node);
    }
    memory.g[0] = tape.weights.map(|weight| Lanes([weight; LANES]));
    let player = Player { simd, t, shapes: &tape.shapes };
    for step in &tape.steps {
        let sum = &mut sums[step.feature as usize];
        match step.kind {
            Kind::Down => player.down(step, block, turns, memory, false),
            Kind::DownRight => player.down(step, block, turns, memory, true),
            Kind::Turn => player.turn(step, memory),
            Kind::UpBoth => player.up(step, memory, sum, false, false),
            Kind::UpRight => player.up(step, memory, sum, true, false),
            Kind::UpLeft => player.up(step, memory, sum, false, true),
            Kind::Twig => player.twig(step, block, turns, memory, sum),
        }
    }
}

struct Player<'a, S: Simd, const Q: usize> {
    simd: S,
    t: [f64x8<S>; Q],
    shapes: &'a [Shape],
}

impl<S: Simd, const Q: usize> Player<'_, S, Q> {
    #[inline(always)]
    fn splat(&self, value: f64) -> f64x8<S> {
        f64x8::splat(self.simd, value)
    }

    /// `s` of a fork; keeps the turn when a later test wants it.
    #[inline(always)]
    fn enter(&self, step: &Step, values: &Lanes, path: &mut [[Lanes; 3]], half: usize) -> f64x8<S> {
        let x = load(self.simd, values, half);
        let left = x.simd_le(self.splat(step.threshold));
        let mut s = left.select(self.splat(1.0 - step.share), self.splat(-step.share));
        let mut earlier = self.splat(1.0);
        if step.again {
            let [_, turn, before] = &path[step.above as usize];
            let (turn, before) = (load(self.simd, turn, half), load(self.simd, before, half));
            let taken = turn * before;
            earlier = if step.from_right { before - taken } else { taken };
            s *= earlier;
        }
        if step.remember {
            let [_, turn, before] = &mut path[step.level as usize];
            store(left.select(self.splat(1.0), self.splat(0.0)), turn, half);
            store(earlier, before, half);
        }
        s
    }

    /// The values to compare; those of an odd test are made such that the step's threshold (0) does what the test does.
    #[inline(always)]
    fn values<'b>(step: &Step, block: &Block<'b>, turns: &impl Turns, odd: &'b mut Lanes) -> &'b Lanes {
        let values = &block.planes[block.place[step.plane as usize] as usize];
        if step.odd == 0 {
            return values;
        }
        *odd = turns.turns(step.odd - 1, values);
        odd
    }

    #[inline(always)]
    fn w(&self, step: &Step, q: usize) -> f64x8<S> {
        if step.again { self.splat(self.shapes[step.shape as usize].w[q]) } else { self.t[q] }
    }

    #[inline(always)]
    fn down(&self, step: &Step, block: &Block<'_>, turns: &impl Turns, memory: &mut Memory, right: bool) {
        let level = step.level as usize;
        let mut odd = NOUGHT;
        let values = Self::values(step, block, turns, &mut odd);
        let share = self.splat(step.share);
        for half in 0..LANES / VECTOR {
            let s = self.enter(step, values, &mut memory.path, half);
            store(s, &mut memory.path[level][0], half);
            for q in 0..Q {
                let g = load(self.simd, &memory.g[level][q], half);
                let r = s.mul_add(self.w(step, q), share);
                let child = if right { g - g * r } else { g * r };
                store(child, &mut memory.g[level + 1][q], half);
            }
        }
    }

    #[inline(always)]
    fn turn(&self, step: &Step, memory: &mut Memory) {
        let level = step.level as usize;
        for half in 0..LANES / VECTOR {
            for q in 0..Q {
                let g = load(self.simd, &memory.g[level][q], half);
                let left = load(self.simd, &memory.g[level + 1][q], half);
                store(g - left, &mut memory.g[level + 1][q], half);
            }
        }
    }

    #[inline(always)]
    fn up(&self, step: &Step, memory: &mut Memory, sum: &mut Lanes, left_leaf: bool, right_leaf: bool) {
        let level = step.level as usize;
        let share = self.splat(step.share);
        for half in 0..LANES / VECTOR {
            let s = load(self.simd, &memory.path[level][0], half);
            let mut total = self.splat(0.0);
            for q in 0..Q {
                let left =
                    if left_leaf { self.splat(step.left) } else { load(self.simd, &memory.b[2 * level][q], half) };
                let right = if right_leaf {
                    self.splat(step.right)
                } else {
                    load(self.simd, &memory.b[2 * level + 1][q], half)
                };
                let difference = left - right;
                let r = s.mul_add(self.w(step, q), share);
                store(r.mul_add(difference, right), &mut memory.b[step.slot as usize][q], half);
                let mut g = load(self.simd, &memory.g[level][q], half);
                if step.again {
                    g *= self.splat(self.shapes[step.shape as usize].h[q]);
                }
                total = g.mul_add(difference, total);
            }
            store(s.mul_add(total, load(self.simd, sum, half)), sum, half);
        }
    }

    #[inline(always)]
    fn twig(&self, step: &Step, block: &Block<'_>, turns: &impl Turns, memory: &mut Memory, sum: &mut Lanes) {
        let level = step.level as usize;
        let mut odd = NOUGHT;
        let values = Self::values(step, block, turns, &mut odd);
        let difference = step.left - step.right;
        let middle = self.splat(step.share * difference + step.right);
        for half in 0..LANES / VECTOR {
            let s = self.enter(step, values, &mut memory.path, half) * self.splat(difference);
            let mut total = self.splat(0.0);
            for q in 0..Q {
                store(s.mul_add(self.w(step, q), middle), &mut memory.b[step.slot as usize][q], half);
                let g = load(self.simd, &memory.g[level][q], half);
                total = if step.again {
                    g.mul_add(self.splat(self.shapes[step.shape as usize].h[q]), total)
                } else {
                    total + g
                };
            }
            store(s.mul_add(total, load(self.simd, sum, half)), sum, half);
        }
    }
}
