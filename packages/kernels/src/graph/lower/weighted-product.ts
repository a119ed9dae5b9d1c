import type { Activation } from '@qedge/codegen';
import { MAX_ROW_ZERO_POINT_DEPTH } from '@qedge/codegen';
import type { Precision } from '@qedge/core';
import type { BindingContext, KernelSteps } from '../../engine/binding.ts';
import { gemmSteps } from '../../engine/gemm.ts';
import { planIntegerGemm } from '../../engine/integer-gemm.ts';
import { planNibbleGemm } from '../../engine/nibble-gemm.ts';
import { PackedMatrix } from '../../engine/packed-matrix.ts';
import type { GraphValue } from './graph-values.ts';
import type { Lowering } from './lowering.ts';
import { quantizeColumns, quantizeGroups } from './quantized-weights.ts';
import { SPARSE_DENSITY, sparseIntegerDensity, sparseProductSteps } from './sparse-weights.ts';

/** `c = activation(alpha * a * weights + bias)` with constant weights. */
export interface WeightedProduct {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** `[m, k]`. */
  readonly a: Float32Array;
  /** `[k, n]`, or `[n, k]` when transposed. */
  readonly weights: { readonly name: string; load(): ArrayLike<number> };
  readonly transposed: boolean;
  readonly alpha: number;
  readonly bias: GraphValue | null;
  readonly activation: Activation;
  /** `[m, n]`. */
  readonly c: Float32Array;
}

/** Plans a product at the precision of its graph, or at float32 where that cannot be, which is reported. */
export function weightedProductSteps(
  { context, precision, report }: Pick<Lowering, 'context' | 'precision' | 'report'>,
  product: WeightedProduct,
): KernelSteps {
  const isFloat = precision === 'float32' || precision === 'float16';
  const density = isFloat ? SPARSE_DENSITY : sparseIntegerDensity(context.host);
  const sparse = sparseProductSteps(context, product, density);
  if (sparse !== null) {
    report(
      'float32',
      precision === 'float32' ? null : 'nearly all weights are 0, the others are multiplied one by one',
    );
    return sparse;
  }
  const chosen = possiblePrecision(precision, product, report);
  if (chosen === 'int8') return integerSteps(context, product);
  if (chosen === 'int4') return nibbleSteps(context, product);
  const { m, n, k, a, weights, transposed, alpha, bias, activation, c } = product;
  const source = { name: weights.name, load: () => weights.load() as Float32Array };
  const b = PackedMatrix.pack(context, { k, n, b: source, transposeB: transposed, format: chosen });
  const epilogue = { ...(bias === null ? {} : { bias: bias.floats }), activation };
  return gemmSteps(context, { m, n, k, a, b, c, alpha, ...epilogue });
}

/** Products of more rows than this are bound by arithmetic, others by reading weights. */
const FEW_ROWS = 8;

/** Fewer outputs do not pay for turning the numbers of a row into codes; measured on Zen 4. */
const FEWEST_INTEGER_COLUMNS = 64;

/** Integer kernels keep the bias among the weights. */
const RUN_TIME_BIAS = 'a bias that is known at run time only';

function possiblePrecision(
  precision: Precision,
  { m, n, k, bias }: WeightedProduct,
  report: Lowering['report'],
): Precision {
  if (precision === 'int8' && k > MAX_ROW_ZERO_POINT_DEPTH) {
    report('float32', `a depth of ${k}; sums of integers hold ${MAX_ROW_ZERO_POINT_DEPTH}`);
    return 'float32';
  }
  const isInteger = precision === 'int8' || precision === 'int4';
  if (isInteger && bias !== null && !bias.isConstant) {
    report('float32', RUN_TIME_BIAS);
    return 'float32';
  }
  if (isInteger && m > FEW_ROWS && n < FEWEST_INTEGER_COLUMNS) {
    report('float32', `${n} outputs: quantising the rows would cost more than it saves`);
    return 'float32';
  }
  if (precision !== 'float32') report(precision, null);
  return precision;
}

function matrixOf({ weights, k, n, transposed }: WeightedProduct) {
  return {
    values: weights.load() as Float32Array,
    depth: k,
    columns: n,
    depthStride: transposed ? 1 : n,
    columnStride: transposed ? k : 1,
  };
}

/** Named by weights, bias and what they are multiplied with: all of it lies in the panels. */
function nameOf({ weights, bias, alpha }: WeightedProduct): string {
  return `${weights.name} + ${bias?.name ?? 'nothing'} * ${alpha}`;
}

function integerSteps(context: BindingContext, product: WeightedProduct): KernelSteps {
  const { m, n, k, a, alpha, bias, activation, c } = product;
  const weights = {
    name: nameOf(product),
    load: () => quantizeColumns(matrixOf(product), alpha),
  };
  const epilogue = { ...(bias === null ? {} : { bias: bias.load() as Float32Array }), activation };
  return planIntegerGemm(context, {
    m,
    n,
    k,
    a,
    weights,
    c,
    aQuantization: 'asymmetric-per-row',
    ...epilogue,
  });
}

function nibbleSteps(context: BindingContext, product: WeightedProduct): KernelSteps {
  const { m, n, k, a, alpha, bias, activation, c } = product;
  const weights = { name: nameOf(product), load: () => quantizeGroups(matrixOf(product), alpha) };
  const epilogue = { ...(bias === null ? {} : { bias: bias.load() as Float32Array }), activation };
  return planNibbleGemm(context, {
    ...{ m, n, k, a, weights, c, scaleFormat: 'float32', zeroPoints: 'eight' },
    ...epilogue,
  });
}
