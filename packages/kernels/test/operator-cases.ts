import { elementCount, type Operator, Random, type ValueDType, type ValueSpec } from '@qedge/core';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import type { ValueData } from '../src/graph/operators/operator-definition.ts';
import { evaluateOperator, inferOperator } from '../src/graph/operators/registry.ts';
import { encodeOnnxFile, type OnnxNode } from '../src/ort/onnx-file.ts';

/** Uniform numbers in -1..1. */
export function floats(seed: number, ...shape: readonly number[]): ValueData {
  const random = new Random(seed);
  const data = Float32Array.from({ length: elementCount(shape) }, () => random.uniform() * 2 - 1);
  return { dtype: 'float32', shape, data };
}

/** Values from numbers. */
export function value(dtype: ValueDType, shape: readonly number[], numbers: readonly number[]): ValueData {
  const arrays = { float32: Float32Array, int32: Int32Array, int8: Int8Array, uint8: Uint8Array };
  return { dtype, shape, data: arrays[dtype].from(numbers) };
}

/** Uniform integers in `[low, high)`. */
export function integers(
  seed: number,
  dtype: ValueDType,
  [low, high]: readonly [number, number],
  ...shape: readonly number[]
): ValueData {
  const random = new Random(seed);
  const numbers = Array.from({ length: elementCount(shape) }, () => {
    return low + Math.floor(random.uniform() * (high - low));
  });
  return value(dtype, shape, numbers);
}

/** Infers and evaluates; both must agree on dtypes, shapes and lengths. */
export function evaluate(operator: Operator, ...inputs: readonly (ValueData | null)[]): readonly ValueData[] {
  const outputs = evaluateOperator(operator, inputs);
  const described = outputs.map(({ dtype, shape }) => ({ dtype, shape: [...shape] }));
  expect(described).toEqual(
    inferOperator(operator, inputs).map((spec) => ({ ...spec, shape: [...spec.shape] })),
  );
  for (const { shape, data } of outputs) expect(data.length).toBe(elementCount(shape));
  return outputs;
}

/** The largest difference of two results, or Infinity when one is NaN where the other is not. */
export function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < actual.length; i++) {
    if (Object.is(actual[i], expected[i]) || actual[i] === expected[i]) continue;
    const difference = Math.abs(actual[i]! - expected[i]!);
    worst = Math.max(worst, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
  }
  return worst;
}

/** @throws when shapes differ, or numbers by more than `tolerance`. */
export function expectClose(actual: ValueData, expected: ValueData, tolerance: number): void {
  expect([...actual.shape]).toEqual([...expected.shape]);
  expect(largestDifference(actual.data, expected.data)).toBeLessThanOrEqual(tolerance);
}

/** Runs the bytes of an ONNX file in ONNX Runtime without its graph optimisations. */
export async function runOnnx(
  file: Uint8Array,
  inputs: Readonly<Record<string, ValueData>>,
): Promise<Record<string, ValueData>> {
  const session = await InferenceSession.create(file, {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const feeds = Object.entries(inputs).map(([name, { dtype, shape, data }]) => {
    return [name, new Tensor(dtype, data as Float32Array, [...shape])] as const;
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { dims, data }]) => {
      const dtype = (data as Float32Array).constructor.name.replace('Array', '').toLowerCase() as ValueDType;
      return [name, { dtype, shape: dims, data: data as Float32Array }];
    }),
  );
}

/** One operator of ONNX on these inputs (null: left out); `outputs` have its dtypes and shapes. */
export async function runOnnxOperator(
  node: Pick<OnnxNode, 'operator' | 'attributes' | 'domain'>,
  inputs: readonly (ValueData | null)[],
  outputs: readonly ValueSpec[],
): Promise<ValueData[]> {
  const names = inputs.map((input, i) => (input === null ? '' : `in${i}`));
  const output = outputs.map((_, i) => `out${i}`);
  const present = inputs.flatMap((input, i) => (input === null ? [] : [{ name: `in${i}`, input }]));
  const graph = {
    name: 'one',
    nodes: [{ ...node, inputs: names, output }],
    tensors: [],
    inputs: present.map(({ name, input }) => ({ name, type: input.dtype, shape: input.shape })),
    outputs: output.map((name, i) => ({ name, type: outputs[i]!.dtype, shape: outputs[i]!.shape })),
  };
  const feeds = Object.fromEntries(present.map(({ name, input }) => [name, input]));
  const results = await runOnnx(encodeOnnxFile(graph, 21), feeds);
  return output.map((name) => results[name]!);
}
