import { elementCount, type OperatorModel, Random, type ValueSpec, VerificationError } from '@qedge/core';
import { evaluateGraph, type ValueData } from '@qedge/kernels/graph';
import type { OutputComparison } from './export-report.ts';

/** Float32 sums in another order. */
const FLOAT_TOLERANCE = 1e-4;
/** Where activations are codes, a last bit may move a number to the neighbouring code, one of 255 steps of its range. */
const CODED_TOLERANCE = 0.02;

const SEED = 20_240_607;

/**
 * Runs two models by the reference on one seeded sample.
 *
 * @param what names the reloaded file for the error.
 * @throws VerificationError when the graphs have other inputs and outputs, or an output is further away than rounding explains.
 */
export function compareOutputs(
  what: string,
  expected: OperatorModel,
  actual: OperatorModel,
): OutputComparison {
  const random = new Random(SEED);
  const samples = expected.graph.inputs.map((name) => sampleOf(expected.graph.values[name]!, random));
  const [before, after] = [run(expected, samples), run(actual, samples)];
  return compareResults(what, before, after, toleranceOf(expected));
}

/** How far outputs may be from each other, as a share of the largest one. */
function toleranceOf({ graph }: OperatorModel): number {
  return graph.nodes.some(({ operator }) => operator.kind === 'quantize') ? CODED_TOLERANCE : FLOAT_TOLERANCE;
}

/** Compares outputs in their order. @throws VerificationError. */
export function compareResults(
  what: string,
  expected: readonly ArrayLike<number>[],
  actual: readonly ArrayLike<number>[],
  tolerance: number,
): OutputComparison {
  let [outputs, largestDifference, largestOutput] = [0, 0, 0];
  for (const [i, numbers] of expected.entries()) {
    for (let j = 0; j < numbers.length; j++) {
      if (Number.isFinite(numbers[j])) largestOutput = Math.max(largestOutput, Math.abs(numbers[j]!));
      largestDifference = Math.max(largestDifference, distance(numbers[j]!, actual[i]?.[j]));
    }
    outputs += numbers.length;
  }
  if (expected.length === actual.length && largestDifference <= tolerance * Math.max(largestOutput, 1e-6)) {
    return { outputs, largestDifference, largestOutput };
  }
  throw new VerificationError(`${what} computes something else than the model`, {
    expected: `${expected.length} outputs within ${tolerance * largestOutput}`,
    actual: `${actual.length} outputs with a difference of ${largestDifference}`,
    remedy: 'Nothing was reported as written. Please report this with the model.',
  });
}

/** What is missing, and a NaN on one side only, is without end away. */
function distance(a: number, b: number | undefined): number {
  if (Object.is(a, b)) return 0;
  const difference = Math.abs(a - (b ?? Number.NaN));
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
}

function sampleOf({ dtype, shape }: ValueSpec, random: Random): ValueData {
  const length = elementCount(shape);
  if (dtype === 'float32') {
    return { dtype, shape, data: Float32Array.from({ length }, () => random.uniform()) };
  }
  // Indices of tables and masks: 0 is allowed everywhere.
  const Data = { int32: Int32Array, int8: Int8Array, uint8: Uint8Array }[dtype];
  return { dtype, shape, data: new Data(length) };
}

function run(model: OperatorModel, samples: readonly ValueData[]): readonly ArrayLike<number>[] {
  const inputs = Object.fromEntries(model.graph.inputs.map((name, i) => [name, samples[i]!]));
  const outputs = evaluateGraph(model, inputs);
  return model.graph.outputs.map((name) => outputs.get(name)!.data);
}
