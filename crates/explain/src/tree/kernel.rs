//! The inner loop of TreeSHAP: a tape played for a block of rows, rows in the lanes of vectors.

use super::plan::{Kind, Other, POINTS, Shape, Step, Tape};
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

/// Where the parts of a fork's feature are added up.
pub(super) trait Sums {
    /// Whether the parts are wanted for each point, and all turns remembered.
    const PAIRS: bool;

    /// Takes `s Σ_t part(t)`, the fork's contribution to its own feature.
    fn add<S: Simd>(&mut self, simd: S, feature: u32, half: usize, s: f64x8<S>, total: f64x8<S>);

    /// Takes the contributions of the fork to its feature's interactions: `½ s Σ_t part(t) e(t)` for each other feature above.
    fn pair<S: Simd>(&mut self, simd: S, feature: u32, other: u32, half: usize, value: f64x8<S>);
}

/// Shapley values: a number per used feature.
pub(super) struct Singles<'a>(pub &'a mut [Lanes]);

impl Sums for Singles<'_> {
    const PAIRS: bool = false;

    #[inline(always)]
    fn add<S: Simd>(&mut self, simd: S, feature: u32, half: usize, s: f64x8<S>, total: f64x8<S>) {
        let sum = &mut self.0[feature as usize];
        store(s.mul_add(total, load(simd, sum, half)), sum, half);
    }

    #[inline(always)]
    fn pair<S: Simd>(&mut self, _: S, _: u32, _: u32, _: usize, _: f64x8<S>) {}
}

/// Interactions: a number per pair of used features, the lower number first; the Shapley values on the diagonal.
pub(super) struct Pairs<'a> {
    pub sums: &'a mut [Lanes],
    pub used: usize,
}

impl Sums for Pairs<'_> {
    const PAIRS: bool = true;

    #[inline(always)]
    fn add<S: Simd>(&mut self, simd: S, feature: u32, half: usize, s: f64x8<S>, total: f64x8<S>) {
        let sum = &mut self.sums[feature as usize * (self.used + 1)];
        store(s.mul_add(total, load(simd, sum, half)), sum, half);
    }

    #[inline(always)]
    fn pair<S: Simd>(&mut self, simd: S, feature: u32, other: u32, half: usize, value: f64x8<S>) {
        let (low, high) = (feature.min(other) as usize, feature.max(other) as usize);
        let sum = &mut self.sums[low * self.used + high];
        store(load(simd, sum, half) + value, sum, half);
    }
}

/// Plays `tape`, adding to `sums`.
#[inline(always)]
pub(super) fn play<S: Simd, P: Sums, const Q: usize>(
    simd: S,
    tape: &Tape,
    block: &Block<'_>,
    turns: &impl Turns,
    memory: &mut Memory,
    sums: &mut P,
) {
    let mut t = [f64x8::splat(simd, 0.0); Q];
    for (t, node) in t.iter_mut().zip(&tape.nodes) {
        *t = f64x8::splat(simd, *node);
    }
    memory.g[0] = tape.weights.map(|weight| Lanes([weight; LANES]));
    let off = t.map(|t| f64x8::splat(simd, -1.0) / (f64x8::splat(simd, 1.0) - t));
    let mut player = Player { simd, t, off, shapes: &tape.shapes, others: &[] };
    for (number, step) in tape.steps.iter().enumerate() {
        if P::PAIRS {
            let (start, end) = tape.ranges[number];
            player.others = &tape.others[start as usize..end as usize];
        }
        match step.kind {
            Kind::Down => player.down(step, block, turns, memory, false),
            Kind::DownRight => player.down(step, block, turns, memory, true),
            Kind::Turn => player.turn(step, memory),
            Kind::UpBoth => player.up(step, memory, sums, false, false),
            Kind::UpRight => player.up(step, memory, sums, true, false),
            Kind::UpLeft => player.up(step, memory, sums, false, true),
            Kind::Twig => player.twig(step, block, turns, memory, sums),
        }
    }
}

struct Player<'a, S: Simd, const Q: usize> {
    simd: S,
    t: [f64x8<S>; Q],
    /// `−1 / (1 − t)`: what a feature that the row has left the path by contributes to an interaction.
    off: [f64x8<S>; Q],
    shapes: &'a [Shape],
    others: &'a [Other],
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
    fn up(&self, step: &Step, memory: &mut Memory, sums: &mut impl Sums, left_leaf: bool, right_leaf: bool) {
        let level = step.level as usize;
        let share = self.splat(step.share);
        for half in 0..LANES / VECTOR {
            let s = load(self.simd, &memory.path[level][0], half);
            let mut total = self.splat(0.0);
            let mut parts = [total; Q];
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
                parts[q] = g * difference;
            }
            self.settle(step, &memory.path, sums, half, s, total, parts);
        }
    }

    #[inline(always)]
    fn twig(&self, step: &Step, block: &Block<'_>, turns: &impl Turns, memory: &mut Memory, sums: &mut impl Sums) {
        let level = step.level as usize;
        let mut odd = NOUGHT;
        let values = Self::values(step, block, turns, &mut odd);
        let difference = step.left - step.right;
        let middle = self.splat(step.share * difference + step.right);
        for half in 0..LANES / VECTOR {
            let s = self.enter(step, values, &mut memory.path, half) * self.splat(difference);
            let mut total = self.splat(0.0);
            let mut parts = [total; Q];
            for q in 0..Q {
                store(s.mul_add(self.w(step, q), middle), &mut memory.b[step.slot as usize][q], half);
                let mut g = load(self.simd, &memory.g[level][q], half);
                if step.again {
                    g *= self.splat(self.shapes[step.shape as usize].h[q]);
                }
                total += g;
                parts[q] = g;
            }
            self.settle(step, &memory.path, sums, half, s, total, parts);
        }
    }

    /// Hands a fork's contributions on.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "all of it is in registers when the compiler has inlined it")]
    fn settle<P: Sums>(
        &self,
        step: &Step,
        path: &[[Lanes; 3]],
        sums: &mut P,
        half: usize,
        s: f64x8<S>,
        total: f64x8<S>,
        parts: [f64x8<S>; Q],
    ) {
        sums.add(self.simd, step.feature, half, s, total);
        if P::PAIRS {
            let s = s * self.splat(0.5);
            for other in self.others {
                let [_, turn, before] = &path[other.level as usize];
                let (turn, before) = (load(self.simd, turn, half), load(self.simd, before, half));
                let taken = turn * before;
                let passed = if other.right { before - taken } else { taken };
                let mut value = self.splat(0.0);
                for q in 0..Q {
                    let e = passed.mul_add(self.splat(other.on[q]) - self.off[q], self.off[q]);
                    value = parts[q].mul_add(e, value);
                }
                sums.pair(self.simd, step.feature, other.feature, half, s * value);
            }
        }
    }
}
