import { CancelledError, Random } from '@qedge/core';
import {
  Circuit,
  cheapestOf,
  doWhile,
  lineTarget,
  type Pass,
  PassManager,
  type Stages,
  transpile,
  untilUnchanged,
} from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { randomCircuit } from '../random-circuit.ts';

const start = (circuit: Circuit) => ({
  circuit,
  target: lineTarget(4),
  interactions: null,
  initialLayout: null,
  finalLayout: null,
  properties: new Map<string, unknown>(),
});

/** Takes the last instruction away. */
const dropLast: Pass = {
  name: 'drop last',
  run(state) {
    const circuit = state.circuit.emptyCopy();
    for (const instruction of state.circuit.instructions.slice(0, -1)) circuit.append(instruction);
    return { ...state, circuit };
  },
};
const run = (stages: Stages, circuit: Circuit, options = {}) =>
  new PassManager(stages).run(start(circuit), { random: new Random(1), ...options });

describe('PassManager', () => {
  it('runs stages in their order, however they are written down, and records what each pass did', async () => {
    const named = (name: string): Pass => ({ name, run: (state) => state });
    const { records } = await run(
      { optimization: [named('c')], init: [named('a'), dropLast], routing: [named('b')] },
      new Circuit(2).h(0).cx(0, 1),
    );
    expect(records.map(({ stage, name }) => `${stage} ${name}`)).toEqual([
      ...['init a', 'init drop last', 'routing b', 'optimization c'],
    ]);
    expect(records[1]).toMatchObject({
      gatesBefore: 2,
      gatesAfter: 1,
      twoQubitGatesBefore: 1,
      twoQubitGatesAfter: 0,
    });
  });

  it('repeats while a condition holds, until nothing changes, or as often as it may', async () => {
    const many = new Circuit(1).x(0).x(0).x(0).x(0).x(0);
    const lengthOf = async (stages: Stages) => (await run(stages, many)).state.circuit.instructionCount;
    expect(
      await lengthOf({ init: [doWhile([dropLast], ({ circuit }) => circuit.instructionCount > 2)] }),
    ).toBe(2);
    expect(await lengthOf({ init: [doWhile([dropLast], () => true, 3)] })).toBe(2);
    expect(await lengthOf({ init: [untilUnchanged([dropLast])] })).toBe(0);
    const rounds = (await run({ init: [untilUnchanged([dropLast], 2)] }, many)).records.map(
      ({ round }) => round,
    );
    expect(rounds).toEqual([0, 1]);
  });

  it('keeps the cheapest of several ways, each with the random numbers that it has alone', async () => {
    const drawn: number[] = [];
    const draw: Pass = {
      name: 'draw',
      run(state, { random }) {
        drawn.push(random.uniform());
        return state;
      },
    };
    const circuit = new Circuit(2).cx(0, 1).cx(1, 0);
    const { state } = await run(
      { init: [cheapestOf([[draw], [draw, dropLast], [dropLast, dropLast, draw]])] },
      circuit,
    );
    expect(state.circuit.instructionCount).toBe(0);
    expect(new Set(drawn).size).toBe(1);
    const most = cheapestOf([[dropLast], []], (after) => -after.circuit.instructionCount);
    expect((await run({ init: [most] }, circuit)).state.circuit.instructionCount).toBe(2);
  });

  it('is cancelled between passes and refuses what is no pass', async () => {
    const controller = new AbortController();
    const abort: Pass = {
      name: 'abort',
      run(state) {
        controller.abort();
        return state;
      },
    };
    const cancelled = run({ init: [abort, dropLast] }, new Circuit(1).x(0), { signal: controller.signal });
    await expect(cancelled).rejects.toThrow(CancelledError);
    expect(() => new PassManager({ polish: [] } as Stages)).toThrow(/init, layout, routing/);
    expect(() => new PassManager({ init: [cheapestOf([[{} as Pass]])] })).toThrow(/not a pass/);
  });
});

describe('levels', () => {
  it('keep their promises: 3 is never worse than 2, and a time budget or trials only bound the search', async () => {
    for (let seed = 0; seed < 6; seed++) {
      const circuit = randomCircuit(seed, 4, 30);
      const count = async (options: object) => {
        const { passes } = await transpile(circuit, lineTarget(4), { seed, ...options });
        return passes.at(-1)!.twoQubitGatesAfter;
      };
      expect(await count({ level: 3 })).toBeLessThanOrEqual(await count({ level: 2 }));
      expect(await count({ level: 3, timeBudgetMs: 0 })).toBeGreaterThan(0);
      expect(await count({ level: 2, trials: 1 })).toBeGreaterThan(0);
    }
    await expect(transpile(new Circuit(1), lineTarget(1), { trials: 0 })).rejects.toThrow(/integer >= 1/);
    await expect(transpile(new Circuit(1), lineTarget(1), { timeBudgetMs: -1 })).rejects.toThrow(
      /milliseconds/,
    );
  });

  it('use zero inputs and measured results when asked, and say so', async () => {
    const circuit = new Circuit(3, 1).cx(0, 1).h(2).cx(2, 1).cz(1, 2).measure(2, 0);
    const strict = await transpile(circuit, lineTarget(3));
    const loose = await transpile(circuit, lineTarget(3), {
      assumeZeroInputs: true,
      onlyMeasuredResults: true,
    });
    expect(strict.preserves).toBe('unitary');
    expect(loose.preserves).toBe('measured distribution from |0>');
    expect(loose.passes.at(-1)!.twoQubitGatesAfter).toBeLessThan(strict.passes.at(-1)!.twoQubitGatesAfter);
  });
});
