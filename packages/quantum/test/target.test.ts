import { checkTarget, lineTarget, type Target } from '@qedge/quantum';
import { describe, expect, it } from 'vitest';

describe('checkTarget', () => {
  const good: Target = {
    ...lineTarget(3),
    instructionProperties: [
      { instruction: 'cx', qubits: [0, 1], durationSeconds: 1e-7, errorRate: 0.01 },
      { instruction: 'measure', errorRate: 0 },
    ],
    t1Seconds: [1e-4, 1e-4, 1e-4],
  };

  it('returns what is usable, also after JSON', () => {
    expect(checkTarget(good)).toBe(good);
    expect(checkTarget(JSON.parse(JSON.stringify(good)))).toEqual(good);
    expect(checkTarget({ ...good, couplingEdges: null }).couplingEdges).toBeNull();
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', null, /an object, got null/],
    ['an empty object', {}, /a name/],
    ['no qubits', { ...good, qubitCount: 0 }, /qubitCount/],
    ['no edges', { ...good, couplingEdges: undefined }, /couplingEdges a list of pairs, or null/],
    ['half an edge', { ...good, couplingEdges: [[0]] }, /two different qubits/],
    ['a loop', { ...good, couplingEdges: [[1, 1]] }, /two different qubits/],
    ['an edge out of range', { ...good, couplingEdges: [[0, 3]] }, /two different qubits, got \[0, 3\]/],
    ['no basis', { ...good, basisGates: undefined }, /basisGates a list/],
    ['an unknown basis gate', { ...good, basisGates: ['rz', 'magic'] }, /known basis gates, got magic/],
    [
      'an unknown instruction',
      { ...good, instructionProperties: [{ instruction: 'magic' }] },
      /gate, measure or reset/,
    ],
    ['an empty property', { ...good, instructionProperties: [null] }, /gate, measure or reset/],
    [
      'a property out of range',
      { ...good, instructionProperties: [{ instruction: 'x', qubits: [9] }] },
      /qubits of x/,
    ],
    ['too few times', { ...good, t1Seconds: [1] }, /a time > 0 for every qubit/],
    ['a time of 0', { ...good, t2Seconds: [1, 0, 1] }, /a time > 0 for every qubit/],
  ])('refuses %s', (_, target, message) => {
    expect(() => checkTarget(target as Target)).toThrow(message);
  });
});
