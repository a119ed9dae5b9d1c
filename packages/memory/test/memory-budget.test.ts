import { mkdtempSync, rmSync } from 'node:fs';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { BudgetExceededError, FileFormatError, InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EvictableMemory, encodeModel, LazyModel, MemoryBudget } from '../src/index.ts';
import { loadKoffi, openModelFile, saveModelFile } from '../src/node.ts';
import { ChildProject } from './child-project.ts';
import { constantsGraph, elementOf, madeTensors } from './graph-content.ts';
import { floatWeights, perceptronGraph, quantizedWeights } from './model-content.ts';

const folder = mkdtempSync(join(tmpdir(), 'qedge-budget-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const canMap = ['linux', 'darwin'].includes(platform()) && loadKoffi().available;

/** Memory that only remembers whether it is there. */
class Pretended implements EvictableMemory {
  readonly name: string;
  readonly byteLength: number;
  isResident = false;

  constructor(name: string, byteLength: number) {
    this.name = name;
    this.byteLength = byteLength;
  }

  evict(): void {
    this.isResident = false;
  }
}

describe('MemoryBudget', () => {
  it('evicts what was not used for the longest time, and never what is held', () => {
    const budget = new MemoryBudget(100);
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => new Pretended(name, 40)) as [
      Pretended,
      Pretended,
      Pretended,
      Pretended,
    ];
    const use = (memory: Pretended) => {
      budget.hold(memory);
      memory.isResident = true;
      budget.release(memory);
    };
    use(a);
    use(b);
    use(a);
    use(c);
    expect([a, b, c].map((memory) => memory.isResident)).toEqual([true, false, true]);
    budget.hold(a);
    use(d);
    expect([a, c, d].map((memory) => memory.isResident)).toEqual([true, false, true]);
    budget.hold(c);
    expect(() => budget.hold(b)).toThrow(BudgetExceededError);
    expect(() => budget.hold(b)).toThrow(/no room for b: expected at most 100 bytes, of which 80 are held/);
    expect(budget).toMatchObject({ bytes: 100, residentBytes: 80, pinnedBytes: 80, evictions: 3 });
    expect(budget.evict(a)).toBe(false);
    budget.release(a);
    expect(budget.evict(a)).toBe(true);
    expect(budget).toMatchObject({ residentBytes: 40, pinnedBytes: 40 });
    expect(() => budget.release(a)).toThrow(InvalidArgumentError);
  });

  it('agrees with a plain list under random use', () => {
    const actions = fc.array(
      fc.record({ index: fc.nat(7), action: fc.constantFrom('hold', 'release', 'evict') }),
      {
        maxLength: 80,
      },
    );
    fc.assert(
      fc.property(actions, fc.array(fc.nat(60), { minLength: 8, maxLength: 8 }), (list, sizes) => {
        const budget = new MemoryBudget(100);
        const memories = sizes.map((size, index) => new Pretended(`m${index}`, size));
        const holders = sizes.map(() => 0);
        for (const { index, action } of list) {
          const memory = memories[index]!;
          const pinned = memories.reduce(
            (sum, each, at) => sum + (holders[at]! > 0 ? each.byteLength : 0),
            0,
          );
          if (action === 'hold') {
            if (!memory.isResident && pinned + memory.byteLength > 100) {
              expect(() => budget.hold(memory)).toThrow(BudgetExceededError);
              continue;
            }
            budget.hold(memory);
            memory.isResident = true;
            holders[index]!++;
          } else if (action === 'release') {
            if (holders[index] === 0) expect(() => budget.release(memory)).toThrow(InvalidArgumentError);
            else {
              budget.release(memory);
              holders[index]!--;
            }
          } else expect(budget.evict(memory)).toBe(holders[index] === 0);
          const resident = memories.filter((each) => each.isResident);
          expect(budget.residentBytes).toBe(resident.reduce((sum, each) => sum + each.byteLength, 0));
          expect(budget.residentBytes).toBeLessThanOrEqual(100);
          expect(holders.every((count, at) => count === 0 || memories[at]!.isResident)).toBe(true);
        }
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('refuses impossible sizes', () => {
    for (const bytes of [0, -1, Number.NaN])
      expect(() => new MemoryBudget(bytes)).toThrow(InvalidArgumentError);
  });
});

describe('a budget shared by several models', () => {
  it('keeps what all of them decoded within its bytes, with right answers', () => {
    const graph = perceptronGraph([64, 64, 10]);
    const weights = [1, 2].map((seed) => quantizedWeights(graph, { seed, bits: 4, sparsity: 0.5 }));
    const budget = new MemoryBudget(5000);
    const models = weights.map((tensors) => LazyModel.fromBytes(encodeModel({ graph, tensors }), { budget }));
    for (let round = 0; round < 3; round++) {
      for (const [at, model] of models.entries()) {
        for (const tensor of weights[at]!) {
          expect(model.borrow(tensor.name, (lent) => lent.data)).toEqual(tensor.data);
          expect(budget.residentBytes).toBeLessThanOrEqual(5000);
          const held = models
            .flatMap((each) => each.residency())
            .reduce((sum, each) => sum + each.residentBytes, 0);
          expect(held).toBe(budget.residentBytes);
        }
      }
    }
    expect(budget.evictions).toBeGreaterThan(4);
    expect(budget.pinnedBytes).toBe(0);
    // 4096 codes are held: another 4096 have no room.
    models[0]!.borrow('dense0/kernel', () => {
      expect(() => models[1]!.load('dense0/kernel')).toThrow(BudgetExceededError);
    });
    for (const model of models) model.dispose();
    expect(budget.residentBytes).toBe(0);
  });

  it('lends large tensors of a mapped file where they lie, verifies them and gives them up', async () => {
    const constants = { a: 50_000, b: 50_000 };
    const path = join(folder, 'borrowed.qez');
    await saveModelFile(path, { graph: constantsGraph(constants), tensors: madeTensors(constants) });
    const budget = new MemoryBudget(2 ** 20);
    using model = openModelFile(path, { budget });
    model.prefetch({ tensors: ['b'] });
    expect(() => model.prefetch({ tensors: ['other'] })).toThrow(InvalidArgumentError);
    const last = model.borrow('b', ({ data }) => {
      expect(budget.pinnedBytes).toBeGreaterThanOrEqual(200_000);
      return data[49_999];
    });
    expect(last).toBe(elementOf(1, 49_999));
    expect(budget.pinnedBytes).toBe(0);
    const [, b] = model.residency();
    expect(b).toMatchObject({ loaded: !canMap, residentBytes: canMap ? 0 : 200_000 });
    if (canMap) expect(b!.cachedBytes).toBeGreaterThanOrEqual(200_000);
    else expect(b!.cachedBytes).toBeNull();
    model.evict('b');
    expect(budget.residentBytes).toBe(0);
    expect(model.borrow('b', ({ data }) => data[0])).toBe(elementOf(1, 0));
  });

  it('does not lend damaged tensors', async () => {
    const constants = { a: 50_000 };
    const bytes = encodeModel({ graph: constantsGraph(constants), tensors: madeTensors(constants) });
    bytes[bytes.length - 1]! ^= 1;
    using model = LazyModel.fromBytes(bytes);
    expect(() => model.borrow('a', () => 1)).toThrow(FileFormatError);
    using trusting = LazyModel.fromBytes(bytes, { verification: 'none' });
    expect(trusting.borrow('a', ({ data }) => data[0])).toBe(elementOf(0, 0));
  });

  it('is left when a model is disposed while it lends', () => {
    const graph = perceptronGraph([64, 10]);
    const budget = new MemoryBudget(1000);
    const model = LazyModel.fromBytes(encodeModel({ graph, tensors: floatWeights(graph, 1) }), { budget });
    model.borrow('dense0/kernel', () => model.dispose());
    expect(budget.pinnedBytes).toBe(0);
    expect(budget.residentBytes).toBe(0);
  });

  it('is left when a model of a mapped file is disposed while it lends pages or decoded tensors', async () => {
    const constants = { large: 50_000, small: 100 };
    const path = join(folder, 'left.qez');
    await saveModelFile(path, { graph: constantsGraph(constants), tensors: madeTensors(constants) });
    const budget = new MemoryBudget(2 ** 20);
    for (const name of Object.keys(constants)) {
      const model = openModelFile(path, { budget });
      model.borrow(name, ({ data }) => {
        model.dispose();
        expect(data.length).toBe(constants[name as 'large' | 'small']);
      });
      expect([budget.pinnedBytes, budget.residentBytes], name).toEqual([0, 0]);
    }
  });
});

describe.skipIf(!canMap || platform() !== 'linux')('resident memory of a process', () => {
  const MEBIBYTE = 2 ** 20;
  const budgetBytes = 48 * MEBIBYTE;
  // Four times the budget, in tensors of odd sizes.
  const constants = Object.fromEntries(
    Array.from({ length: 96 }, (_, i) => [`weight ${i}`, MEBIBYTE / 2 + 1000 * (i % 7) - 3000]),
  );
  let project: ChildProject;

  beforeAll(async () => {
    project = await ChildProject.create(folder);
    const tensors = madeTensors(constants);
    await saveModelFile(join(folder, 'large.qez'), { graph: constantsGraph(constants), tensors });
  }, 60_000);

  it('stays within 10 % of the budget while a model four times as large is walked, with right answers', () => {
    const told = project.run(
      `
      const budget = new memory.MemoryBudget(${budgetBytes});
      const model = memory.openModelFile('large.qez', { budget });
      const names = model.names();
      const walk = (watch) => {
        for (const [index, name] of names.entries()) {
          const wrong = model.borrow(name, ({ data }) => {
            let count = 0;
            for (let i = 0; i < data.length; i++) count += data[i] !== memory.elementOf(index, i);
            return count;
          });
          watch(wrong);
        }
      };
      // Code is compiled and the heap has grown before memory is compared.
      walk(() => {});
      model.evict();
      globalThis.gc();
      const before = process.memoryUsage().rss;
      let [wrong, largest, largestCounted] = [0, 0, 0];
      for (let pass = 0; pass < 2; pass++) {
        walk((count) => {
          wrong += count;
          largest = Math.max(largest, process.memoryUsage().rss - before);
          largestCounted = Math.max(largestCounted, budget.residentBytes);
        });
      }
      console.log(JSON.stringify({ loading: model.loading, fileBytes: model.fileByteLength, wrong, largest, largestCounted }));`,
      ['--expose-gc'],
    ) as { loading: string; fileBytes: number; wrong: number; largest: number; largestCounted: number };
    expect(told).toMatchObject({ loading: 'mapped', wrong: 0 });
    expect(told.fileBytes).toBeGreaterThan(4 * budgetBytes - 2 * MEBIBYTE);
    expect(told.largestCounted).toBeLessThanOrEqual(budgetBytes);
    expect(told.largest).toBeLessThan(1.1 * budgetBytes);
    expect(told.largest).toBeGreaterThan(0.8 * budgetBytes);
    if (process.env.QEDGE_FULL === '1') console.log(told, told.largest / budgetBytes);
  }, 60_000);
});
