import { describe, expect, it } from 'vitest';
import { compileGraph, createKernelEngine } from '../src/node.ts';
import { readOnnx } from '../src/onnx.ts';
import { expectClose, openBoth } from './onnx-peer.ts';
import type { WrittenTensor } from './onnx-writer.ts';
import { REAL_ONNX_MODELS } from './real-models.ts';

/**
 * Both sides round to float32 after each of some hundred nodes (2^-24 = 6e-8 each, relative to values around 1), in different orders: 1e-5
 * leaves a factor of two.
 */
const TOLERANCE = 1e-5;

/**
 * This model takes the logarithm of a spectrum, so the bands of a signal must not be empty: one rounding of a pure tone's samples moves its
 * state by 7e-3 (measured), in noise below 1e-5.
 */
const LEGACY_TOLERANCE = 1e-4;

/** Noise from -1 to 1. */
function signal(shape: readonly number[], seed: number): WrittenTensor {
  const length = shape.reduce((product, size) => product * size, 1);
  let state = seed + 1;
  const numbers = Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround(state / 2 ** 31 - 1);
  });
  return { type: 'float32', shape, numbers };
}

const zeros = (...shape: number[]): WrittenTensor => {
  const length = shape.reduce((product, size) => product * size, 1);
  return { type: 'float32', shape, numbers: new Array<number>(length).fill(0) };
};

describe('PP-OCRv4 agrees with ONNX Runtime', () => {
  const cases = [
    ['detection', [1, 3, 64, 64], [1, 1, 64, 64]],
    ['recognition', [1, 3, 48, 64], [1, 8, 6625]],
    ['classification', [2, 3, 48, 96], [2, 2]],
  ] as const;

  it.each(cases)('%s of images %j', async (name, shape, outputShape) => {
    const both = await openBoth(REAL_ONNX_MODELS[name](), { inputShapes: { x: shape } });
    const [output] = (await both.run({ x: signal(shape, 1) }, TOLERANCE)).values();
    await both.release();
    expect(output!.shape).toEqual(outputShape);
  });

  it('and tells its inputs before it is imported', () => {
    const model = readOnnx(REAL_ONNX_MODELS.recognition());
    expect(model.inputs).toEqual([
      { name: 'x', type: 'float32', shape: ['p2o.DynamicDimension.0', 3, 48, 'p2o.DynamicDimension.1'] },
    ]);
    expect(model.operatorSets.get('')).toBe(9);
    expect(model.operators.get('Conv')).toBe(38);
  });
});

describe('Silero voice activity agrees with ONNX Runtime over several steps', () => {
  it.each(['silero5', 'silero6'] as const)('%s', async (name) => {
    const both = await openBoth(REAL_ONNX_MODELS[name](), {
      inputShapes: { input: [1, 512], state: [2, 1, 128] },
      constants: { sr: 16000 },
    });
    let state = zeros(2, 1, 128);
    for (let step = 0; step < 4; step++) {
      const outputs = await both.run({ input: signal([1, 512], step), state }, TOLERANCE);
      state = { ...state, numbers: Array.from(outputs.get('stateN')!.data) };
    }
    await both.release();
    expect(state.numbers.some((each) => each !== 0)).toBe(true);
    expect(both.model.graph.inputs).toEqual(['input', 'state']);
  });

  it.each(['silero5', 'silero6'] as const)(
    '%s, fed with its own state, drifts by rounding only',
    async (name) => {
      const inputShapes = { input: [1, 512], state: [2, 1, 128] };
      const constants = { sr: 16000 };
      using engine = await createKernelEngine();
      const both = await openBoth(REAL_ONNX_MODELS[name](), { inputShapes, constants });
      using compiled = compileGraph(both.model, engine);
      const stateTensor = (numbers: readonly number[]): WrittenTensor => ({ ...zeros(2, 1, 128), numbers });
      let [ours, theirs] = [zeros(2, 1, 128), zeros(2, 1, 128)];
      for (let step = 0; step < 40; step++) {
        const input = signal([1, 512], step);
        compiled.inputs.input!.data.set(input.numbers);
        compiled.inputs.state!.data.set(ours.numbers);
        compiled.run();
        const { output, stateN } = compiled.outputs;
        const same = await both.runPeer({ input, state: ours });
        const free = await both.runPeer({ input, state: theirs });
        expectClose(
          stateN!.data,
          same.get('stateN')!,
          TOLERANCE,
          `state after step ${step} from the same one`,
        );
        // Cells that add about 1 per step forget nothing, so roundings of all steps add up: as a random walk, to the root of their number.
        expectClose(
          stateN!.data,
          free.get('stateN')!,
          TOLERANCE * Math.sqrt(step + 1),
          `state after ${step}`,
        );
        expectClose(output!.data, free.get('output')!, TOLERANCE, `probability after step ${step}`);
        [ours, theirs] = [stateTensor([...stateN!.data]), stateTensor(free.get('stateN')!)];
      }
      await both.release();
      // One of the cells counts the steps.
      expect(Math.max(...ours.numbers.map(Math.abs))).toBeGreaterThan(30);
    },
  );

  it('legacy, whose batch is named in three inputs', async () => {
    const both = await openBoth(REAL_ONNX_MODELS.sileroLegacy(), {
      inputShapes: { input: [1, 1536] },
      constants: { sr: 16000 },
    });
    let [h, c] = [zeros(2, 1, 64), zeros(2, 1, 64)];
    for (let step = 0; step < 3; step++) {
      const outputs = await both.run({ input: signal([1, 1536], step), h, c }, LEGACY_TOLERANCE);
      h = { ...h, numbers: Array.from(outputs.get('hn')!.data) };
      c = { ...c, numbers: Array.from(outputs.get('cn')!.data) };
    }
    await both.release();
    expect(h.numbers.some((each) => each !== 0)).toBe(true);
  });
});
