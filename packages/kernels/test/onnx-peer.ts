import type { OperatorModel } from '@qedge/core';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import { evaluateGraph } from '../src/graph/evaluate-graph.ts';
import { runtimeDType } from '../src/graph/onnx/constant.ts';
import { VALUE_ARRAYS, type ValueData } from '../src/graph/operators/operator-definition.ts';
import { type ImportOnnxOptions, importOnnx, readOnnx } from '../src/onnx.ts';
import {
  typedNumbers,
  type WrittenAttribute,
  type WrittenTensor,
  type WrittenType,
  writeOnnx,
} from './onnx-writer.ts';

/** One operator with its inputs: given when it runs, or, as `{ fixed }`, in the file. null: left out. */
export interface OperatorCase {
  readonly operator: string;
  readonly inputs: readonly (WrittenTensor | { readonly fixed: WrittenTensor } | null)[];
  readonly attributes?: Readonly<Record<string, WrittenAttribute | undefined>>;
  readonly domain?: string;
  readonly operatorSet?: number;
  /** Types of the outputs; default: one of float32. */
  readonly outputs?: readonly WrittenType[];
  /**
   * Largest difference, absolute and relative to the largest output. The default is 16 roundings of float32: both sides sum a few
   * dozen products.
   */
  readonly tolerance?: number;
}

const DEFAULT_TOLERANCE = 16 * 2 ** -24;

/** Values of the graph from numbers as written. */
export function toValue({ type, shape, numbers }: WrittenTensor): ValueData {
  const dtype = runtimeDType(type);
  return { dtype, shape, data: VALUE_ARRAYS[dtype].from(numbers as number[]) };
}

/** Runs the case here, by the reference, and in ONNX Runtime, and compares shapes and numbers. */
export async function expectSameAsPeer(test: OperatorCase): Promise<void> {
  const { operator, attributes = {}, domain = '', operatorSet = 17, outputs = ['float32'], tolerance } = test;
  const given = test.inputs.map((input) => (input && 'fixed' in input ? null : input));
  const names = test.inputs.map((input, index) => (input === null ? '' : `in${index}`));
  const fixed = test.inputs.flatMap((input, index) =>
    input && 'fixed' in input ? [[`in${index}`, input.fixed] as const] : [],
  );
  const results = outputs.map((_, index) => `out${index}`);
  const bytes = writeOnnx(
    {
      nodes: [{ operator, inputs: names, outputs: results, attributes, domain, name: 'node' }],
      tensors: Object.fromEntries(fixed),
      inputs: given.flatMap((input, index) => (input ? [{ name: names[index]!, ...input }] : [])),
      outputs: outputs.map((type, index) => ({ name: results[index]!, type })),
    },
    operatorSet,
  );
  const live = given.flatMap((input, index) => (input ? [[names[index]!, input] as const] : []));
  await compareWithPeer(bytes, Object.fromEntries(live), tolerance ?? DEFAULT_TOLERANCE);
}

/** Runs a whole file once on both sides. */
async function compareWithPeer(
  bytes: Uint8Array,
  inputs: Readonly<Record<string, WrittenTensor>>,
  tolerance: number,
): Promise<void> {
  const shapes = Object.entries(inputs).map(([name, { shape }]) => [name, shape] as const);
  const both = await openBoth(bytes, { inputShapes: Object.fromEntries(shapes) });
  await both.run(inputs, tolerance);
  await both.release();
}

/** A model here and in ONNX Runtime. */
export interface BothModels {
  readonly model: OperatorModel;
  /** Runs both and compares all outputs; returns ours. */
  run(inputs: Readonly<Record<string, WrittenTensor>>, tolerance: number): Promise<Map<string, ValueData>>;
  /** What ONNX Runtime computes for the outputs. */
  runPeer(inputs: Readonly<Record<string, WrittenTensor>>): Promise<Map<string, number[]>>;
  release(): Promise<void>;
}

/** Opens a file on both sides; scalar constants are given to ONNX Runtime at each run, as 64-bit integers. */
export async function openBoth(bytes: Uint8Array, options: ImportOnnxOptions): Promise<BothModels> {
  const model = importOnnx(readOnnx(bytes), options);
  const session = await InferenceSession.create(bytes, {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  const fixed = Object.entries(options.constants ?? {}).map(([name, value]) => {
    return [name, new Tensor('int64', BigInt64Array.of(BigInt(Number(value))), [])] as const;
  });
  const runSession = (inputs: Readonly<Record<string, WrittenTensor>>) => {
    const feeds = Object.entries(inputs).map(([name, tensor]) => {
      return [name, new Tensor(tensor.type, typedNumbers(tensor) as never, tensor.shape)] as const;
    });
    return session.run(Object.fromEntries([...feeds, ...fixed]));
  };
  const numbersOf = (tensor: Tensor) => Array.from(tensor.data as Float32Array, Number);
  return {
    model,
    async run(inputs, tolerance) {
      const values = Object.entries(inputs).map(([name, tensor]) => [name, toValue(tensor)] as const);
      const actual = evaluateGraph(model, Object.fromEntries(values));
      const expected = await runSession(inputs);
      for (const [name, value] of actual) {
        expect(value.shape).toEqual([...expected[name]!.dims]);
        expectClose(value.data, numbersOf(expected[name]!), tolerance, name);
      }
      return actual;
    },
    async runPeer(inputs) {
      const outputs = Object.entries(await runSession(inputs));
      return new Map(outputs.map(([name, tensor]) => [name, numbersOf(tensor)]));
    },
    release: () => session.release(),
  };
}

/** Compares with an error relative to the largest finite number. NaN and infinities must be the same. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: readonly number[],
  tolerance: number,
  what: string,
): void {
  expect(actual.length).toBe(expected.length);
  const finite = expected.filter(Number.isFinite).map(Math.abs);
  const scale = finite.reduce((most, each) => Math.max(most, each), 1);
  for (const [index, wanted] of expected.entries()) {
    const got = actual[index]!;
    if (Object.is(got, wanted) || got === wanted) continue;
    const close = Math.abs(got - wanted) <= tolerance * scale;
    if (!close)
      expect.fail(
        `${what}[${index}] is ${got}, ONNX Runtime gives ${wanted} (tolerance ${tolerance * scale})`,
      );
  }
}
