//! The inner loop of TreeSHAP: a tape played for a block of rows, rows in the lanes of vectors.

use super::plan::{Kind, Other, POINTS, Shape, Step, Tape};
use super::sums::Sums;
use fearless_simd::{Simd, f64x8, prelude::*};

/// Rows of a block.
pub(super) const LANES: usize = 32;
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
            b: vec![[NOUGHT; POINTS]; 2 * (levels + 1)],
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
pub(super) fn load<S: Simd>(simd: S, lanes: &Lanes, half: usize) -> f64x8<S> {
    f64x8::from_slice(simd, &lanes.0[half * VECTOR..(half + 1) * VECTOR])
}

#[inline(always)]
pub(super) fn store<S: Simd>(value: f64x8<S>, lanes: &mut Lanes, half: usize) {
    value.store_slice(&mut lanes.0[half * VECTOR..(half + 1) * VECTOR]);
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
    let mut player = Player::<S, Q>::new(simd, tape);
    for (bundle, weight) in memory.g[0].iter_mut().zip(&tape.weights) {
        *bundle = Lanes([*weight; LANES]);
    }
    let mut odd = NOUGHT;
    let mut number = 0;
    while let Some(step) = tape.steps.get(number) {
        number += 1;
        if P::PAIRS {
            let (start, end) = tape.ranges[number - 1];
            player.others = &tape.others[start as usize..end as usize];
        }
        match (step.kind, step.again) {
            (Kind::Down, false) => player.down::<false>(step, block.values(step, turns, &mut odd), memory),
            (Kind::Down, true) => player.down::<true>(step, block.values(step, turns, &mut odd), memory),
            (Kind::Turn, _) => player.turn(step, memory),
            (Kind::Leaf, _) => memory.b[step.slot as usize] = [Lanes([step.left; LANES]); POINTS],
            (Kind::Up, false) => player.up::<P, false>(step, memory, sums),
            (Kind::Up, true) => player.up::<P, true>(step, memory, sums),
            (Kind::Twig, false) => player.twig::<P, false>(step, block.values(step, turns, &mut odd), memory, sums),
            (Kind::Twig, true) => player.twig::<P, true>(step, block.values(step, turns, &mut odd), memory, sums),
            (Kind::Pair, _) => {
                if let Some([step, left, right]) =
                    tape.steps.get(number - 1..number + 2).and_then(<[Step]>::first_chunk::<3>)
                {
                    let again = left.again || right.again;
                    match (step.again, again) {
                        _ if P::PAIRS => (),
                        (false, false) => player.pair::<P, false, false>(step, left, right, block, memory, sums),
                        (false, true) => player.pair::<P, false, true>(step, left, right, block, memory, sums),
                        (true, false) => player.pair::<P, true, false>(step, left, right, block, memory, sums),
                        (true, true) => player.pair::<P, true, true>(step, left, right, block, memory, sums),
                    }
                }
                number += 2;
            }
        }
    }
}

impl<'a> Block<'a> {
    /// The values to compare; those of an odd test are made such that the step's threshold (0) does what the test does.
    #[inline(always)]
    fn values<'b>(&self, step: &Step, turns: &impl Turns, odd: &'b mut Lanes) -> &'b Lanes
    where
        'a: 'b,
    {
        let values = self.plane(step);
        if step.odd == 0 {
            return values;
        }
        *odd = turns.turns(step.odd - 1, values);
        odd
    }

    #[inline(always)]
    fn plane(&self, step: &Step) -> &'a Lanes {
        &self.planes[self.place[step.plane as usize] as usize]
    }
}

struct Player<'a, S: Simd, const Q: usize> {
    simd: S,
    t: [f64x8<S>; Q],
    /// `−1 / (1 − t)`: what a feature that the row has left the path by contributes to an interaction.
    off: [f64; POINTS],
    shapes: &'a [Shape],
    /// The shape of a test on a new feature: `w = t`, `h = 1`.
    new: Shape,
    others: &'a [Other],
}

impl<'a, S: Simd, const Q: usize> Player<'a, S, Q> {
    #[inline(always)]
    fn new(simd: S, tape: &'a Tape) -> Self {
        let (t, off) = ([f64x8::splat(simd, 0.0); Q], [0.0; POINTS]);
        let new = Shape { w: tape.nodes, h: [1.0; POINTS] };
        let mut player = Self { simd, t, off, shapes: &tape.shapes, new, others: &[] };
        for (q, t) in player.t.iter_mut().enumerate() {
            *t = f64x8::splat(simd, tape.nodes[q]);
            player.off[q] = -1.0 / (1.0 - tape.nodes[q]);
        }
        player
    }

    #[inline(always)]
    fn splat(&self, value: f64) -> f64x8<S> {
        f64x8::splat(self.simd, value)
    }

    #[inline(always)]
    fn load(&self, lanes: &Lanes, half: usize) -> f64x8<S> {
        load(self.simd, lanes, half)
    }

    /// `w` of a fork.
    #[inline(always)]
    fn w<const AGAIN: bool>(&self, shape: &Shape, q: usize) -> f64x8<S> {
        if AGAIN { self.splat(shape.w[q]) } else { self.t[q] }
    }

    #[inline(always)]
    fn shape<const AGAIN: bool>(&self, step: &Step) -> &'a Shape {
        if AGAIN { &self.shapes[step.shape as usize] } else { &Shape::NONE }
    }

    /// `s` of a fork; keeps the turn when a later test wants it.
    #[inline(always)]
    fn enter<const AGAIN: bool>(&self, step: &Step, values: &Lanes, path: &mut [[Lanes; 3]], half: usize) -> f64x8<S> {
        let left = self.load(values, half).simd_le(self.splat(step.threshold));
        let mut s = left.select(self.splat(1.0 - step.share), self.splat(-step.share));
        let mut earlier = self.splat(1.0);
        if AGAIN {
            let [_, turn, before] = &path[step.above as usize];
            let (turn, before) = (self.load(turn, half), self.load(before, half));
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

    #[inline(always)]
    fn down<const AGAIN: bool>(&self, step: &Step, values: &Lanes, memory: &mut Memory) {
        let level = step.level as usize;
        let share = self.splat(step.share);
        let shape = self.shape::<AGAIN>(step);
        let Some([own, child]) = memory.g.get_mut(level..).and_then(<[Bundle]>::first_chunk_mut::<2>) else { return };
        for half in 0..LANES / VECTOR {
            let s = self.enter::<AGAIN>(step, values, &mut memory.path, half);
            store(s, &mut memory.path[level][0], half);
            for q in 0..Q {
                let g = self.load(&own[q], half);
                let r = s.mul_add(self.w::<AGAIN>(shape, q), share);
                store(g * r, &mut child[q], half);
            }
        }
    }

    #[inline(always)]
    fn turn(&self, step: &Step, memory: &mut Memory) {
        let Some([own, child]) = memory.g.get_mut(step.level as usize..).and_then(<[Bundle]>::first_chunk_mut::<2>)
        else {
            return;
        };
        for (own, child) in own.iter().zip(child).take(Q) {
            for half in 0..LANES / VECTOR {
                store(self.load(own, half) - self.load(child, half), child, half);
            }
        }
    }

    #[inline(always)]
    fn up<P: Sums, const AGAIN: bool>(&self, step: &Step, memory: &mut Memory, sums: &mut P) {
        let level = step.level as usize;
        let share = self.splat(step.share);
        let shape = self.shape::<AGAIN>(step);
        let (above, below) = memory.b.split_at_mut(2 * (level + 1));
        let (Some([left, right]), Some(own)) = (below.first_chunk::<2>(), above.get_mut(step.slot as usize)) else {
            return;
        };
        let g = &memory.g[level];
        for half in 0..LANES / VECTOR {
            let s = self.load(&memory.path[level][0], half);
            let mut total = self.splat(0.0);
            let mut parts = [total; Q];
            for q in 0..Q {
                let left = self.load(&left[q], half);
                let right = self.load(&right[q], half);
                let difference = left - right;
                let r = s.mul_add(self.w::<AGAIN>(shape, q), share);
                store(r.mul_add(difference, right), &mut own[q], half);
                let mut g = self.load(&g[q], half);
                if AGAIN {
                    g *= self.splat(shape.h[q]);
                }
                total = g.mul_add(difference, total);
                if P::PAIRS {
                    parts[q] = g * difference;
                }
            }
            self.settle(step, &memory.path, sums, half, s, total, parts);
        }
    }

    #[inline(always)]
    fn twig<P: Sums, const AGAIN: bool>(&self, step: &Step, values: &Lanes, memory: &mut Memory, sums: &mut P) {
        let difference = step.left - step.right;
        let middle = self.splat(step.share * difference + step.right);
        let shape = self.shape::<AGAIN>(step);
        let (g, own) = (&memory.g[step.level as usize], &mut memory.b[step.slot as usize]);
        for half in 0..LANES / VECTOR {
            let s = self.enter::<AGAIN>(step, values, &mut memory.path, half) * self.splat(difference);
            let mut total = self.splat(0.0);
            let mut parts = [total; Q];
            for q in 0..Q {
                store(s.mul_add(self.w::<AGAIN>(shape, q), middle), &mut own[q], half);
                let mut g = self.load(&g[q], half);
                if AGAIN {
                    g *= self.splat(shape.h[q]);
                }
                total += g;
                parts[q] = g;
            }
            self.settle(step, &memory.path, sums, half, s, total, parts);
        }
    }

    /// A fork with two twigs, in one go: nothing of the three passes through memory but what other forks want. `AGAIN` where either
    /// twig's feature was tested above.
    #[inline(always)]
    fn pair<P: Sums, const OWN: bool, const AGAIN: bool>(
        &self,
        step: &Step,
        left: &Step,
        right: &Step,
        block: &Block<'_>,
        memory: &mut Memory,
        sums: &mut P,
    ) {
        let (plane, plane_l, plane_r) = (block.plane(step), block.plane(left), block.plane(right));
        let shape = self.shape::<OWN>(step);
        let (shape_l, shape_r) = (self.any_shape::<AGAIN>(left), self.any_shape::<AGAIN>(right));
        let (range_l, range_r) = (left.left - left.right, right.left - right.right);
        let middle_l = self.splat(left.share * range_l + left.right);
        let middle_r = self.splat(right.share * range_r + right.right);
        let share = self.splat(step.share);
        let (g, own) = (&memory.g[step.level as usize], &mut memory.b[step.slot as usize]);
        for half in 0..LANES / VECTOR {
            let s = self.enter::<OWN>(step, plane, &mut memory.path, half);
            let s_l = self.enter_any::<AGAIN>(left, plane_l, &mut memory.path, half) * self.splat(range_l);
            let s_r = self.enter_any::<AGAIN>(right, plane_r, &mut memory.path, half) * self.splat(range_r);
            let nought = self.splat(0.0);
            let (mut total, mut total_l, mut total_r) = (nought, nought, nought);
            for q in 0..Q {
                let g = self.load(&g[q], half);
                let r = s.mul_add(self.w::<OWN>(shape, q), share);
                let g_l = g * r;
                let g_r = g - g_l;
                total_l = if AGAIN { g_l.mul_add(self.splat(shape_l.h[q]), total_l) } else { total_l + g_l };
                total_r = if AGAIN { g_r.mul_add(self.splat(shape_r.h[q]), total_r) } else { total_r + g_r };
                let b_l = s_l.mul_add(self.w::<AGAIN>(shape_l, q), middle_l);
                let b_r = s_r.mul_add(self.w::<AGAIN>(shape_r, q), middle_r);
                let difference = b_l - b_r;
                store(r.mul_add(difference, b_r), &mut own[q], half);
                let g = if OWN { g * self.splat(shape.h[q]) } else { g };
                total = g.mul_add(difference, total);
            }
            sums.add(self.simd, step.feature, half, s, total);
            sums.add(self.simd, left.feature, half, s_l, total_l);
            sums.add(self.simd, right.feature, half, s_r, total_r);
        }
    }

    /// `s` of a twig that may or may not be on a feature tested above.
    #[inline(always)]
    fn enter_any<const AGAIN: bool>(
        &self,
        step: &Step,
        values: &Lanes,
        path: &mut [[Lanes; 3]],
        half: usize,
    ) -> f64x8<S> {
        if AGAIN && step.again {
            self.enter::<true>(step, values, path, half)
        } else {
            self.enter::<false>(step, values, path, half)
        }
    }

    #[inline(always)]
    fn any_shape<const AGAIN: bool>(&self, step: &Step) -> &Shape {
        if AGAIN && !step.again { &self.new } else { self.shape::<AGAIN>(step) }
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
                let (turn, before) = (self.load(turn, half), self.load(before, half));
                let taken = turn * before;
                let passed = if other.right { before - taken } else { taken };
                let mut value = self.splat(0.0);
                for (q, part) in parts.iter().enumerate() {
                    let e = passed.mul_add(self.splat(other.on[q] - self.off[q]), self.splat(self.off[q]));
                    value = part.mul_add(e, value);
                }
                sums.pair(self.simd, other.pair, half, s * value);
            }
        }
    }
}
