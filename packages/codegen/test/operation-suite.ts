import { QedgeError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { RegisterBudgetError } from '../src/errors.ts';
import type { Pointer, Target, Vector } from '../src/target/target.ts';
import { float64Cases, operationCases } from './operation-cases.ts';
import { CASE_BYTES, findDifference, type OperationBackend } from './operation-runner.ts';

/**
 * Tests every operation of a target against the interpreter, bit for bit (any NaN equals any NaN), and what it refuses.
 *
 * @example
 * describeOperations({
 *   name: 'avx2',
 *   traits,
 *   createTarget: () => new X64Target(features),
 *   createMemory: (byteLength) => host.createMemory(byteLength),
 *   run: (code, memory, block) => load(code)(block),
 * });
 */
export function describeOperations<Code>(backend: OperationBackend<Code>): void {
  it(`the operations of ${backend.name} do what the interpreter does`, () => {
    const memory = backend.createMemory(CASE_BYTES);
    const cases = operationCases(backend.traits);
    expect(cases.length).toBeGreaterThan(300);
    const differences = cases.flatMap((entry) => {
      const difference = findDifference(backend, memory, entry, 1);
      return difference === null ? [] : [`${entry.name}: ${difference}`];
    });
    expect(differences).toEqual([]);
  });
  describeBudgets(backend);
  describeRefusals(backend);
}

/** The same for a target on float64: its operations, and the refusal of those on other numbers. */
export function describeFloat64Operations<Code>(backend: OperationBackend<Code>): void {
  it(`the operations of ${backend.name} on float64 do what the interpreter does`, () => {
    const memory = backend.createMemory(CASE_BYTES);
    const cases = float64Cases(backend.traits);
    expect(cases.length).toBeGreaterThan(70);
    const differences = cases.flatMap((entry) => {
      const difference = findDifference(backend, memory, entry, 1);
      return difference === null ? [] : [`${entry.name}: ${difference}`];
    });
    expect(differences).toEqual([]);
  });

  const memory = { base: 0 as Pointer, offset: 0 };
  const refused: readonly (readonly [string, (target: Target<Code>, v: Vector) => void])[] = [
    ['loadNarrow', (t, v) => t.loadNarrow('int8', v, memory)],
    ['storeNarrow', (t, v) => t.storeNarrow('float16', v, memory)],
    ['loadPairs', (t, v) => t.loadPairs('int8', v, memory)],
    ['splatNarrow', (t, v) => t.splatNarrow('float16', v, memory)],
    ['constant', (t, v) => t.constant(v, 1)],
    ['integerConstant', (t, v) => t.integerConstant(v, 1)],
    ['laneIndices', (t, v) => t.laneIndices(v)],
    ['squareRoot', (t, v) => t.squareRoot(v, v)],
    ['zeroNaN', (t, v) => t.zeroNaN(v, v)],
    ['compare', (t, v) => t.compare('less', v, v, v)],
    ['round', (t, v) => t.round('floor', v, v)],
    ['integer', (t, v) => t.integer('add', v, v, v)],
    ['addWords', (t, v) => t.addWords(v, v, v)],
    ['shift', (t, v) => t.shift('left', 32, v, v, 1)],
    ['convert', (t, v) => t.convert('int32-to-float32', v, v)],
    ['dot', (t, v) => t.dot(v, v, v)],
    ['multiplyWords', (t, v) => t.multiplyWords(v, v, v)],
  ];
  it.each(refused)(`${backend.name} refuses %s on lanes of 64 bits`, (_operation, emit) => {
    const target = backend.createTarget();
    const [vector] = target.vectors('value', 1) as [Vector];
    expect(() => emit(target, vector)).toThrow(/64 bits/);
  });
}

function describeBudgets<Code>({ name, traits, createTarget }: OperationBackend<Code>): void {
  describe(`the registers of ${name}`, () => {
    it('are as many as the traits say', () => {
      const target = createTarget();
      expect(target.vectors('first', traits.vectors - 1)).toHaveLength(traits.vectors - 1);
      target.vectors('last', 1);
      expect(() => target.vectors('one more', 1)).toThrow(RegisterBudgetError);
      for (let i = 0; i < traits.pointers; i++) target.pointer(`pointer ${i}`);
      expect(() => target.pointer('one more')).toThrow(RegisterBudgetError);
    });

    it('include one address register per open loop', () => {
      const target = createTarget();
      for (let i = 0; i < traits.pointers - 1; i++) target.pointer(`pointer ${i}`);
      target.loop(2, () => {});
      target.loopArgument(0, () => {});
      expect(() => target.loop(2, () => target.loop(2, () => {}))).toThrow(RegisterBudgetError);
    });

    it('include the temporaries of operations, once', () => {
      const uses: Readonly<
        Record<keyof typeof traits.temporaries, (target: Target<Code>, v: Vector) => void>
      > = {
        fma: (target, v) => target.fma(v, v, v),
        dot: (target, v) => target.dot(v, v, v),
        half: (target, v) => target.storeNarrow('float16', v, { base: target.block, offset: 0 }),
      };
      for (const [operation, use] of Object.entries(uses)) {
        const count = traits.temporaries[operation as keyof typeof uses];
        const target = createTarget();
        const vectors = target.vectors('all but the temporaries', traits.vectors - count);
        for (let i = 0; i < 3; i++) use(target, vectors[0]!);
        expect(() => target.vectors('one more', 1)).toThrow(RegisterBudgetError);
        if (count === 0) continue;
        const full = createTarget();
        const [vector] = full.vectors('too many', traits.vectors - count + 1);
        expect(() => use(full, vector!)).toThrow(RegisterBudgetError);
      }
    });
  });
}

function pair<Code>(target: Target<Code>, emit: (a: Pointer, b: Pointer) => void): void {
  emit(target.pointer('a'), target.pointer('b'));
}

function describeRefusals<Code>({ name, traits, createTarget }: OperationBackend<Code>): void {
  describe(`the target ${name}`, () => {
    const refused: readonly (readonly [string, (target: Target<Code>, v: Vector) => void])[] = [
      ['no lanes', (t, v) => t.load(v, { base: t.block, offset: 0 }, 0)],
      ['too many lanes', (t, v) => t.store(v, { base: t.block, offset: 0 }, traits.lanes + 1)],
      ['a negative offset', (t, v) => t.load(v, { base: t.block, offset: -4 })],
      ['an offset that is no integer', (t, v) => t.splat(v, { base: t.block, offset: 0.5 })],
      ['a shift by all bits', (t, v) => t.shift('left', 16, v, v, 16)],
      ['bits beyond an address', (t) => pair(t, (a, b) => t.gatherBits(a, b, [47], 0))],
      ['the same bit twice', (t) => pair(t, (a, b) => t.gatherBits(a, b, [3, 3], 0))],
      ['no bits', (t) => pair(t, (a, b) => t.parityOfBits(a, b, [], 0))],
      ['bits that are shifted out', (t) => pair(t, (a, b) => t.gatherBits(a, b, [1, 2], 30))],
      ['a selection of bits in place', (t) => pair(t, (a) => t.parityOfBits(a, a, [1], 0))],
      ['a negative offset of a pointer', (t) => pair(t, (a, b) => t.offsetPointer(a, b, -1))],
      ['a mask beyond an address', (t) => pair(t, (a) => t.nextSubset(a, 2 ** 47))],
      ['a fragment outside of a routine', (t) => t.fragment('key', () => {})],
      ['an exchange with itself', (t, v) => t.exchange(v, v, 0)],
      ['an exchange with lanes that are not there', (t, v) => t.exchange(v, v, traits.lanes)],
      ['a loop of fewer than no turns', (t) => t.loop(-1, () => {})],
      ['a routine in a loop', (t) => t.loop(2, () => t.routine([], () => {}))],
      ['a routine in a routine', (t) => t.routine([], () => t.routine([], () => {}))],
      [
        'a call in a routine',
        (t) => {
          const first = t.routine([], () => {});
          t.routine([], () => t.call(first));
        },
      ],
    ];
    if (!traits.multiplyBytes) {
      it('refuses to multiply bytes', () => {
        const target = createTarget();
        const [v] = target.vectors('value', 1) as [Vector];
        expect(() => target.multiplyBytes(v, v, v)).toThrow(QedgeError);
      });
    }
    if (!traits.dotBfloat16) {
      it('refuses the dot product of bfloat16', () => {
        const target = createTarget();
        const [v] = target.vectors('value', 1) as [Vector];
        expect(() => target.dotBfloat16(v, v, v)).toThrow(QedgeError);
      });
    }
    it.each(refused)('refuses %s', (_what, emit) => {
      const target = createTarget();
      const [vector] = target.vectors('value', 1) as [Vector];
      expect(() => emit(target, vector)).toThrow(QedgeError);
    });
  });
}
