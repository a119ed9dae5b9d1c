import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '@qedge/core';
import { createReferenceSimulator } from '@qedge/quantum';
import { createStateVectorSimulator, loadState, saveState } from '@qedge/quantum/node';
import { afterAll, describe, expect, it } from 'vitest';
import { randomCircuit } from '../src/testing/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'qedge-state-'));
const path = join(folder, 'state.qez');
afterAll(() => rmSync(folder, { recursive: true }));

describe('saveState and loadState', () => {
  it('carry a state from one simulator to another, classical bits included', async () => {
    using native = await createStateVectorSimulator({ precision: 'f32' });
    using reference = createReferenceSimulator();
    const circuit = randomCircuit(new Random(4), 7, 40);
    const measured = circuit.compose(circuit);
    using state = native.run(measured);
    const bytes = await saveState(path, state);
    expect(bytes).toBeGreaterThan(16 * 2 ** 7);
    using back = loadState(path, reference);
    expect(back.amplitudes()).toEqual(state.amplitudes());
    using again = loadState(path, native);
    // The phase that the state has as a whole was multiplied in, and rounded once more.
    const saved = state.amplitudes();
    again.amplitudes().forEach((value, i) => {
      expect(Math.abs(value - saved[i]!)).toBeLessThan(1e-7);
    });
    expect(again.fidelity(state)).toBeCloseTo(1, 5);
  });

  it('refuse files that are damaged or hold something else', async () => {
    using reference = createReferenceSimulator();
    using state = reference.run(randomCircuit(new Random(1), 5, 20));
    await saveState(path, state);
    const whole = readFileSync(path);
    const damaged = Uint8Array.from(whole);
    damaged[damaged.length - 40]! ^= 1;
    writeFileSync(path, damaged);
    expect(() => loadState(path, reference)).toThrow(/damaged|checksum/i);
    writeFileSync(path, whole.subarray(0, whole.length - 8));
    expect(() => loadState(path, reference)).toThrow();
    expect(() => loadState(join(folder, 'missing.qez'), reference)).toThrow(/no such file|not exist/i);
    await expect(saveState(join(folder, 'nowhere', 'state.qez'), state)).rejects.toThrow();
  });
});
