import { describe, expect, it } from 'vitest';
import { align, append, describeCurve, drawable, fromWire, groupKeys, place, smooth } from './curve';

describe('smooth', () => {
  it('leaves the raw curve at weight 0 and a constant at any weight', () => {
    expect(smooth([1, 5, 2], 0)).toEqual([1, 5, 2]);
    for (const value of smooth([3, 3, 3, 3], 0.9)) expect(value).toBeCloseTo(3, 12);
  });
  it('weighs the past: after 0 then 1 at weight one half it stands at two thirds', () => {
    expect(smooth([0, 1], 0.5)[1]).toBeCloseTo(2 / 3, 12);
  });
  it('skips what is not finite', () => {
    const out = smooth([1, Number.NaN, 1], 0.8);
    expect(out[1]).toBeNaN();
    expect(out[2]).toBeCloseTo(1, 12);
  });
});

describe('drawable', () => {
  it('makes gaps, also below zero on a log scale', () => {
    expect(drawable([1, Number.NaN, -2, Number.POSITIVE_INFINITY], false)).toEqual([1, null, -2, null]);
    expect(drawable([1, 0, -2], true)).toEqual([1, null, null]);
  });
});

describe('append', () => {
  it('adds at the end and refuses to go back', () => {
    const curve = { x: [0, 1], y: [5, 4] };
    expect(append(curve, [{ x: 2, y: 3 }])).toEqual({ x: [0, 1, 2], y: [5, 4, 3] });
    expect(append(curve, [{ x: 1, y: 3 }])).toBeNull();
    expect(curve.x).toEqual([0, 1]);
  });
});

describe('place', () => {
  const point = { step: 7, timestamp_ms: 5000, value: 1 };
  it('reads the chosen axis', () => {
    expect(place(point, 'step', null)).toBe(7);
    expect(place(point, 'time', null)).toBe(5000);
    expect(place(point, 'relative', 2000)).toBe(3000);
    expect(place(point, 'relative', null)).toBeNull();
  });
});

describe('align', () => {
  it('puts curves with different steps on one axis', () => {
    expect(align([{ x: [0, 2], y: [1, 2] }, { x: [1, 2], y: [3, 4] }])).toEqual([[0, 1, 2], [1, undefined, 2], [undefined, 3, 4]]);
  });
});

describe('facts and groups', () => {
  it('counts what is not finite', () => {
    expect(describeCurve([2, Number.NaN, 1])).toEqual({ first: 2, last: 1, min: 1, max: 2, notFinite: 1 });
    expect(describeCurve([Number.NaN])).toBeNull();
  });
  it('reads wire numbers', () => {
    expect(fromWire([0, 1], ['NaN', 2]).y[0]).toBeNaN();
  });
  it('groups by prefix, numbers in natural order', () => {
    expect(groupKeys(['train/loss', 'acc', 'layer10/w', 'layer2/w'])).toEqual([
      { name: '', keys: ['acc'] },
      { name: 'layer2', keys: ['layer2/w'] },
      { name: 'layer10', keys: ['layer10/w'] },
      { name: 'train', keys: ['train/loss'] },
    ]);
  });
});
