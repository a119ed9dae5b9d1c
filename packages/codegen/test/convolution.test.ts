import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Activation,
  CONVOLUTION_ARGUMENTS,
  type ConvolutionDescription,
  type ConvolutionRequest,
  convolutionBlockings,
  createInterpreterHost,
  emitKernel,
  InterpreterTarget,
  type KernelDescription,
  kernelKey,
  kernelTrial,
  planConvolution,
  planDepthwise,
  planPooling,
  type SlidingWindow,
  type TargetTraits,
  type WeightFormat,
  windowOutput,
} from '../src/index.ts';
import { FEW_TAIL_SIZES, TAIL_SIZES } from './tail-sizes.ts';
import { findTrialError } from './trial-errors.ts';
import { openVectorHosts, type VectorHost } from './vector-hosts.ts';
import { squareWindow, type WindowCase, windowCases } from './window-cases.ts';

let hosts: VectorHost[];

beforeAll(() => {
  hosts = openVectorHosts();
});

afterAll(() => {
  for (const { host } of hosts) host.dispose();
});

const ACTIVATIONS: readonly Activation[] = ['none', 'relu', 'relu6', 'sigmoid', 'tanh', 'gelu', 'silu'];
const FORMATS: readonly WeightFormat[] = ['float32', 'float16', 'bfloat16'];

/** A convolution of all its outputs on `height` x `width` pixels. */
function request(
  [height, width, channels]: readonly [number, number, number],
  outputChannels: number,
  window: SlidingWindow,
  others: Partial<ConvolutionRequest> = {},
): ConvolutionRequest {
  const input = { height, width, channels };
  return {
    kind: 'convolution',
    batch: 1,
    input,
    window,
    outputChannels,
    groups: 1,
    weights: 'float32',
    epilogue: { bias: true, activation: 'none', softmax: false },
    outputRows: { from: 0, count: windowOutput(input, window).height },
    channelRange: { from: 0, count: outputChannels },
    ...others,
  };
}

/** Runs what `describe` plans for each host, and returns what is wrong. */
function findErrors(describe: (host: VectorHost) => KernelDescription, seed = 1): string[] {
  return hosts.flatMap((host) => findTrialError(host, describe(host), seed) ?? []);
}

function planned(wanted: ConvolutionRequest, candidate = 0): (host: VectorHost) => ConvolutionDescription {
  return ({ host }) => {
    const blockings = convolutionBlockings(wanted, host.traits, 50);
    return { ...wanted, blocking: blockings[candidate % blockings.length]! };
  };
}

describe('convolution', () => {
  it('agrees with plain loops for random windows, groups, formats and blockings', () => {
    const convolutions = fc.record({
      shape: windowCases(10),
      groups: fc.constantFrom(1, 1, 1, 2, 3),
      groupOutputs: fc.integer({ min: 1, max: 40 }),
      weights: fc.constantFrom(...FORMATS),
      bias: fc.boolean(),
      activation: fc.constantFrom(...ACTIVATIONS),
      candidate: fc.nat(49),
    });
    fc.assert(
      fc.property(convolutions, fc.integer(), (drawn, seed) => {
        const { shape, groups, groupOutputs, candidate, weights, bias, activation } = drawn;
        const outputChannels = groups * groupOutputs;
        const wanted: ConvolutionRequest = {
          kind: 'convolution',
          ...shape,
          input: { ...shape.input, channels: shape.input.channels * groups },
          outputChannels,
          groups,
          weights,
          epilogue: { bias, activation, softmax: false },
          channelRange: { from: 0, count: outputChannels },
        };
        expect(findErrors(planned(wanted, candidate), seed)).toEqual([]);
      }),
      { numRuns: 20, seed: 20_261 },
    );
  });

  it('has no tail of input or output channels that fails', () => {
    const errors = FEW_TAIL_SIZES.flatMap((channels) => {
      const narrow = request([2, 3, channels], 80 - channels, squareWindow(2, 1));
      const grouped = request([1, 3, channels * 2], channels * 2, squareWindow(1), { groups: 2 });
      return [...findErrors(planned(narrow, channels)), ...findErrors(planned(grouped, channels))];
    });
    expect(errors).toEqual([]);
  });

  it('computes pointwise ones of any number of pixels, rows and images', () => {
    const errors = [1, 2, 7, 13, 14, 15, 29, 40].flatMap((width, i) => {
      const whole = request([2, width, 5], 19, squareWindow(1), { batch: 2 });
      const part = {
        ...request([4, width, 5], 19, squareWindow(1), { batch: 2 }),
        outputRows: { from: 1, count: 2 },
      };
      return [...findErrors(planned(whole, i)), ...findErrors(planned(part, i))];
    });
    expect(errors).toEqual([]);
  });

  it('fits the address registers when every loop has several turns', () => {
    const window = squareWindow(3, 1, { dilationWidth: 2 });
    const wanted = request([9, 14, 4], 2 * 72, window, { batch: 2, groups: 2 });
    for (const { host } of hosts) {
      for (const tileVectors of [1, 2]) {
        const blocking = { tileRows: 2, tileColumns: 2, tileVectors, outerLoop: 'rows' } as const;
        expect(() => host.load([{ ...wanted, blocking }], host.createMemory(64))).not.toThrow();
      }
    }
  });

  it('leaves the outputs of other parts alone', () => {
    const wanted = request([6, 9, 4], 96, squareWindow(3, 1));
    const errors = hosts.flatMap((host) => {
      const width = host.host.traits.lanes;
      const blocking = { tileRows: 1, tileColumns: 2, tileVectors: 1, outerLoop: 'channels' } as const;
      const parts: ConvolutionDescription[] = [
        { ...wanted, blocking, channelRange: { from: 0, count: width } },
        { ...wanted, blocking, channelRange: { from: 2 * width, count: 96 - 2 * width } },
        {
          ...wanted,
          blocking,
          outputRows: { from: 5, count: 1 },
          channelRange: { from: width, count: width },
        },
      ];
      return parts.flatMap((part) => findTrialError(host, part, 3) ?? []);
    });
    expect(errors).toEqual([]);
  });

  it('agrees where loops are unrolled, loads are hoisted or sums are rounded once', () => {
    const machineCode = { vectors: 31, pointers: 13, fmaRounding: 'once', unroll: 4 } as const;
    const imitated: TargetTraits[] = [
      { ...interpreterTraits(16), ...machineCode, id: 'like-avx512' },
      { ...interpreterTraits(8), ...machineCode, vectors: 15, id: 'like-avx2' },
      { ...interpreterTraits(4), vectors: 15, hoistsLoads: true, id: 'like-v8' },
    ];
    for (const traits of imitated) {
      for (const channels of [1, 3, 5, 6, 7]) {
        const wanted = request([4, 15, channels], 2 * traits.lanes + 1, squareWindow(3, 1), { batch: 2 });
        const pooling = { ...wanted, kind: 'pooling', operation: 'average' } as const;
        const descriptions: KernelDescription[] = [
          ...convolutionBlockings(wanted, traits, 3).map((blocking) => ({ ...wanted, blocking })),
          planDepthwise({ ...wanted, multiplier: 1 }, traits),
          planPooling(pooling, traits),
        ];
        for (const description of descriptions) {
          expect(interpretTrial(traits, description), `${traits.id}: ${kernelKey(description)}`).toBeNull();
        }
      }
    }
  });

  it('gives the same bits whatever the blocking', () => {
    const wanted = request([5, 7, 3], 34, squareWindow(3, 1), {
      epilogue: { bias: true, activation: 'silu', softmax: false },
    });
    for (const { name, host } of hosts) {
      const outputs = convolutionBlockings(wanted, host.traits, 8).map((blocking) => {
        return runOutput(host, { ...wanted, blocking });
      });
      for (const output of outputs) expect(output, name).toEqual(outputs[0]);
    }
  });

  it('gives the same bits on every strict host', () => {
    const wanted = request([7, 9, 6], 50, squareWindow(3, 1, { strideWidth: 2 }), {
      epilogue: { bias: true, activation: 'tanh', softmax: false },
    });
    const strict = hosts.filter(({ host }) => host.strict);
    expect(strict.length).toBeGreaterThan(1);
    const outputs = strict.map(({ host }) => runOutput(host, planConvolution(wanted, host.traits)));
    for (const [i, output] of outputs.entries()) expect(output, strict[i]!.name).toEqual(outputs[0]);
  });
});

function interpreterTraits(lanes: 4 | 8 | 16): TargetTraits {
  return createInterpreterHost({ lanes }).traits;
}

/** What is wrong with a kernel that is interpreted as for a target with these traits. */
function interpretTrial(traits: TargetTraits, description: KernelDescription): string | null {
  const trial = kernelTrial(description, traits, 'all', 2);
  const buffer = new ArrayBuffer(trial.byteLength);
  const memory = { buffer, byteOffset: 0, byteLength: buffer.byteLength, address: 64 };
  emitKernel(new InterpreterTarget(traits), description)(memory)(trial.prepare(memory));
  return trial.findError(memory);
}

/** The output of a trial's run, as bits. */
function runOutput(host: VectorHost['host'], description: ConvolutionDescription): Uint32Array {
  const trial = kernelTrial(description, host.traits, 'all', 5);
  const memory = host.createMemory(trial.byteLength);
  const block = trial.prepare(memory);
  host.load([description], memory)[0]!.run(block);
  const view = new DataView(memory.buffer, memory.byteOffset);
  const at = block - memory.address + CONVOLUTION_ARGUMENTS.output * 8;
  const address = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  const { height, width } = windowOutput(description.input, description.window);
  const length = description.batch * height * width * description.outputChannels;
  return new Uint32Array(memory.buffer, memory.byteOffset + address - memory.address, length).slice();
}

describe('depthwise convolution', () => {
  it('agrees with plain loops for random windows, multipliers and tiles', () => {
    const cases = fc.record({
      shape: windowCases(40),
      multiplier: fc.constantFrom(1, 1, 1, 2, 5),
      bias: fc.boolean(),
      activation: fc.constantFrom(...ACTIVATIONS),
      tileColumns: fc.integer({ min: 0, max: 6 }),
    });
    fc.assert(
      fc.property(cases, fc.integer(), ({ shape, multiplier, bias, activation, tileColumns }, seed) => {
        const epilogue = { bias, activation, softmax: false };
        const describe = ({ host }: VectorHost) => {
          const plan = planDepthwise({ ...shape, multiplier, epilogue }, host.traits);
          return plan.kind === 'depthwise' && tileColumns > 0 ? { ...plan, tileColumns } : plan;
        };
        expect(findErrors(describe, seed)).toEqual([]);
      }),
      { numRuns: 20, seed: 20_262 },
    );
  });

  it('has no tail of channels that fails, nor a window wider than the registers', () => {
    const epilogue = { bias: true, activation: 'relu6', softmax: false } as const;
    const shapes: Omit<WindowCase, 'batch'>[] = TAIL_SIZES.map((channels) => ({
      input: { height: 3, width: 4, channels },
      window: squareWindow(3, 1),
      outputRows: { from: 0, count: 3 },
    }));
    shapes.push({
      input: { height: 2, width: 60, channels: 19 },
      window: squareWindow(1, 0, { width: 41 }),
      outputRows: { from: 0, count: 2 },
    });
    const errors = shapes.flatMap((shape) => {
      return findErrors(({ host }) =>
        planDepthwise({ batch: 1, ...shape, multiplier: 1, epilogue }, host.traits),
      );
    });
    expect(errors).toEqual([]);
  });
});

describe('image-to-columns', () => {
  it('copies every window and writes zeros for the padding', () => {
    fc.assert(
      fc.property(windowCases(40), fc.integer(), ({ batch, input, window }, seed) => {
        expect(findErrors(() => ({ kind: 'image-to-columns', batch, input, window }), seed)).toEqual([]);
      }),
      { numRuns: 12, seed: 20_263 },
    );
  });
});
