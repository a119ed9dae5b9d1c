import {
  type CompiledModel,
  type Device,
  type ModelGraph,
  type Precision,
  type QedgeError,
  type QuantizationParameters,
  type StoredTensor,
  VerificationError,
  type WeightSource,
} from '@qedge/core';
import { runReference } from '../reference/run-reference.ts';
import { type RandomModelOptions, randomInput, randomModel, weightSourceOf } from './random-model.ts';

/** One promise that every device must keep. `run` rejects with a VerificationError that says what was broken. */
export interface DeviceConformanceCase {
  readonly name: string;
  /**
   * The precision that it is about: report it as skipped for devices that do not
   * state it (`run` passes at once there). Null for promises that every device makes.
   */
  readonly precision: Precision | null;
  /** Takes a fresh device and leaves its disposal to the caller. */
  run(device: Device): Promise<void>;
}

/** The two functions of a test framework (vitest, jest, mocha, node:test) that the suite needs. */
export interface TestFramework {
  describe(name: string, body: () => void): void;
  it(name: string, body: (context: { readonly skip?: (reason?: string) => void }) => Promise<void>): void;
}

/**
 * How far float32 outputs may lie from the reference: absolute, and relative to the value. Devices sum in other orders and
 * fuse; for the sizes here (at most 784 terms near 1) that moves results by a few 1e-6.
 */
export const FLOAT32_TOLERANCE = 2e-5;

/** Graphs that find the edges of tiles: narrow, odd, prime, one, and the guide's network. */
const MODELS: readonly RandomModelOptions[] = [
  { sizes: [784, 256, 128, 10], seed: 1 },
  { sizes: [784, 64, 10], seed: 2, inputShape: [28, 28], softmax: true },
  { sizes: [1, 1], seed: 3 },
  { sizes: [3, 5, 2], seed: 4, bias: false },
  { sizes: [17, 31, 33, 7], seed: 5, activation: 'linear' },
  { sizes: [61, 9], seed: 6, softmax: true },
];

const BATCHES = [1, 2, 3, 4, 5, 7, 8, 13, 32];
const MAX_BATCH = 32;

/** The precisions that the reference defines. */
const REFERENCE_PRECISIONS: readonly Precision[] = ['float32', 'int8', 'int4'];

/** Every conformance case. */
export function deviceConformanceCases(): DeviceConformanceCase[] {
  return [
    ...MODELS.flatMap((options) =>
      REFERENCE_PRECISIONS.map((precision) => matchesReference(options, precision)),
    ),
    ...lifecycleCases(),
    ...refusalCases(),
  ];
}

/**
 * Declares the conformance suite in a test framework. Cases about precisions that the device lacks are skipped, with the reason.
 *
 * @param makeDevice called once per case; the device is disposed after it.
 * @example
 * describeDeviceConformance('cpu', () => createCpuDevice(), { describe, it });
 */
export function describeDeviceConformance(
  name: string,
  makeDevice: () => Promise<Device>,
  { describe, it }: TestFramework,
): void {
  describe(`${name} as a device`, () => {
    for (const conformance of deviceConformanceCases()) {
      it(conformance.name, async (context) => {
        using device = await makeDevice();
        const { precision } = conformance;
        if (precision !== null && !device.precisions.includes(precision)) {
          context.skip?.(`${device.name} does not compute at ${precision}`);
          return;
        }
        await conformance.run(device);
      });
    }
  });
}

function matchesReference(options: RandomModelOptions, precision: Precision): DeviceConformanceCase {
  const exact = precision !== 'float32' && !options.softmax;
  const { graph, weights } = randomModel(options);
  return {
    name: `runs ${graph.name}${options.softmax ? ' with softmax' : ''} at ${precision} like the reference, for every batch`,
    precision,
    async run(device) {
      if (!device.precisions.includes(precision)) return;
      using model = await device.compile(graph, weights, { precision, maxBatch: MAX_BATCH });
      assert(
        model.precision === precision && model.maxBatch === MAX_BATCH,
        'The model misstates its options',
      );
      const [inputSize, outputSize] = [options.sizes[0]!, options.sizes.at(-1)!];
      for (const batch of BATCHES) {
        const input = randomInput(inputSize, batch, batch);
        const output = new Float32Array(batch * outputSize).fill(Number.NaN);
        await model.run(input, output, batch);
        const expected = runReference(graph, weights, input, batch, precision);
        assertClose(output, expected, exact ? 0 : FLOAT32_TOLERANCE, `batch ${batch}`);
      }
    },
  };
}

function lifecycleCases(): DeviceConformanceCase[] {
  const { graph, tensors, weights } = randomModel({ sizes: [20, 12, 5], seed: 7 });
  const input = randomInput(20, 3, 8);
  const compile = (device: Device) => device.compile(graph, weights, { precision: 'float32', maxBatch: 4 });
  const runOnce = async (model: CompiledModel, values = input) => {
    const output = new Float32Array((values.length / 20) * 5);
    await model.run(values, output, values.length / 20);
    return output;
  };
  return [
    {
      precision: null,
      name: 'gives equal bits for equal input, and keeps the input',
      async run(device) {
        using model = await compile(device);
        const kept = input.slice();
        const first = await runOnce(model);
        await runOnce(model, randomInput(20, 4, 9));
        assertClose(await runOnce(model), first, 0, 'the second run');
        assertClose(input, kept, 0, 'the input');
      },
    },
    {
      precision: null,
      name: 'keeps nothing of the weights that it was given',
      async run(device) {
        const copies = tensors.map((tensor) => ({ ...tensor, data: tensor.data.slice() as Float32Array }));
        using model = await device.compile(graph, weightSourceOf(copies), {
          precision: 'float32',
          maxBatch: 4,
        });
        const before = await runOnce(model);
        for (const { data } of copies) data.fill(Number.NaN);
        assertClose(await runOnce(model), before, 0, 'after the weights were overwritten');
      },
    },
    {
      precision: null,
      name: 'runs two models at a time without mixing them up',
      async run(device) {
        const other = randomModel({ sizes: [20, 12, 5], seed: 70 });
        using first = await compile(device);
        using second = await device.compile(other.graph, other.weights, {
          precision: 'float32',
          maxBatch: 4,
        });
        const alone = await runOnce(first);
        const theirs = runReference(other.graph, other.weights, input, 3, 'float32');
        assertClose(await runOnce(second), theirs, FLOAT32_TOLERANCE, 'the second model');
        assertClose(await runOnce(first), alone, 0, 'the first model again');
      },
    },
    {
      precision: null,
      name: 'states shapes, memory, name and kind',
      async run(device) {
        using model = await compile(device);
        assert(String(model.inputShape) === '20' && String(model.outputShape) === '5', 'Shapes are wrong');
        assert(model.memory.weightBytes > 0 && model.memory.bufferBytes >= 0, 'Memory is not stated');
        assert(device.name.length > 0 && model.device === device.name, 'The model does not name its device');
      },
    },
    {
      precision: null,
      name: 'refuses to run after dispose, and may be disposed twice',
      async run(device) {
        const model = await compile(device);
        model.dispose();
        model.dispose();
        await assertThrows('USE_AFTER_RELEASE', 'run after dispose', () => runOnce(model));
      },
    },
    {
      precision: null,
      name: 'refuses to compile after the device was disposed',
      async run(device) {
        device.dispose();
        await assertThrows('USE_AFTER_RELEASE', 'compile after dispose', () => compile(device));
      },
    },
    {
      precision: null,
      name: 'ends its models when the device was disposed, and may be disposed twice',
      async run(device) {
        const model = await compile(device);
        device.dispose();
        device.dispose();
        await assertThrows('USE_AFTER_RELEASE', 'run after the device was disposed', () => runOnce(model));
        model.dispose();
      },
    },
    {
      precision: null,
      name: 'stops at an aborted signal',
      async run(device) {
        const options = { precision: 'float32', maxBatch: 1, signal: AbortSignal.abort() } as const;
        await assertThrows('CANCELLED', 'compile', () => device.compile(graph, weights, options));
      },
    },
  ];
}

function refusalCases(): DeviceConformanceCase[] {
  const { graph, tensors, weights } = randomModel({ sizes: [6, 4, 3], seed: 10 });
  const compileWith = (device: Device, source: WeightSource, changed: ModelGraph = graph) =>
    device.compile(changed, source, { precision: 'float32', maxBatch: 2 });
  const replaced = (name: string, change: (tensor: StoredTensor) => StoredTensor) =>
    weightSourceOf(tensors.map((tensor) => (tensor.name === name ? change(tensor) : tensor)));
  const refusal = (
    name: string,
    code: string,
    attempt: (device: Device) => unknown,
    mention = '',
  ): DeviceConformanceCase => ({
    name,
    precision: null,
    run: (device) => assertThrows(code, name, async () => attempt(device), mention),
  });
  const running = (input: number, output: number, batch: number) => async (device: Device) => {
    using model = await compileWith(device, weights);
    await model.run(new Float32Array(input), new Float32Array(output), batch);
  };
  const poisoned = (value: number) =>
    replaced('dense 2/kernel', (tensor) => {
      const data = tensor.data.slice() as Float32Array;
      data[5] = value;
      return { ...tensor, data };
    });
  return [
    refusal(
      'refuses NaN in a weight and names weight and element',
      'NON_FINITE_VALUE',
      (device) => {
        return compileWith(device, poisoned(Number.NaN));
      },
      'dense 2/kernel',
    ),
    refusal('refuses infinity in a weight', 'NON_FINITE_VALUE', (device) => {
      return compileWith(device, poisoned(Number.POSITIVE_INFINITY));
    }),
    refusal(
      'refuses a weight of the wrong shape and names it',
      'SHAPE_MISMATCH',
      (device) => {
        return compileWith(
          device,
          replaced('dense 1/kernel', (tensor) => ({ ...tensor, shape: [4, 6] })),
        );
      },
      'dense 1/kernel',
    ),
    refusal(
      'refuses a missing weight and names it',
      'INVALID_ARGUMENT',
      (device) => {
        return compileWith(device, weightSourceOf(tensors.filter(({ name }) => name !== 'dense 1/bias')));
      },
      'dense 1/bias',
    ),
    refusal(
      'refuses an unknown layer and names it',
      'UNSUPPORTED',
      (device) => {
        const strange = { kind: 'convolution', name: 'strange' } as unknown as ModelGraph['layers'][number];
        return compileWith(device, weights, { ...graph, layers: [strange, ...graph.layers] });
      },
      'strange',
    ),
    refusal('refuses an unknown precision', 'UNSUPPORTED', (device) => {
      return device.compile(graph, weights, { precision: 'int3' as Precision, maxBatch: 1 });
    }),
    refusal('refuses a maxBatch of 0', 'INVALID_ARGUMENT', (device) => {
      return device.compile(graph, weights, { precision: 'float32', maxBatch: 0 });
    }),
    refusal(
      'refuses codes whose scales do not fit their axis and names them',
      'SHAPE_MISMATCH',
      (device) => {
        const quantization: QuantizationParameters = {
          bits: 8,
          symmetric: true,
          scales: new Float32Array(3).fill(1),
          zeroPoints: new Int32Array(3),
          axis: 1,
        };
        return compileWith(
          device,
          replaced('dense 1/kernel', (tensor) => {
            return { ...tensor, dtype: 'int8', data: new Int8Array(24), quantization };
          }),
        );
      },
      'dense 1/kernel',
    ),
    refusal('refuses an input that is too short', 'SHAPE_MISMATCH', running(5, 3, 1)),
    refusal('refuses an output that is too long', 'SHAPE_MISMATCH', running(6, 4, 1)),
    refusal('refuses a batch above maxBatch', 'INVALID_ARGUMENT', running(18, 9, 3)),
    refusal('refuses a batch of 0', 'INVALID_ARGUMENT', running(0, 0, 0)),
    refusal('refuses a batch that is no integer', 'INVALID_ARGUMENT', running(6, 3, 1.5)),
  ];
}

function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new VerificationError(message);
}

/** Equal within `tolerance`, absolute or relative; 0 means equal numbers. NaN equals nothing. */
function assertClose(actual: Float32Array, expected: Float32Array, tolerance: number, what: string): void {
  assert(actual.length === expected.length, `${what}: ${expected.length} values expected`);
  for (let i = 0; i < expected.length; i++) {
    const allowed = tolerance * Math.max(1, Math.abs(expected[i]!));
    if (Math.abs(actual[i]! - expected[i]!) <= allowed) continue;
    throw new VerificationError(`${what}: element ${i} differs`, {
      expected: `${expected[i]} ± ${allowed}`,
      actual: actual[i],
    });
  }
}

async function assertThrows(
  code: string,
  what: string,
  attempt: () => Promise<unknown>,
  mention = '',
): Promise<void> {
  try {
    await attempt();
  } catch (error) {
    const { code: found, message } = error as QedgeError;
    if (found === code && message.includes(mention)) return;
    throw new VerificationError(`${what}: another error`, {
      expected: `${code}${mention && ` naming "${mention}"`}`,
      actual: `${found}: ${message}`,
      cause: error,
    });
  }
  throw new VerificationError(`${what}: nothing was thrown`, { expected: code, actual: 'no error' });
}
