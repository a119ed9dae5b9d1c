import {
  type Activation,
  defaultCodeRowStride,
  encodedCodeBytes,
  INTEGER_GEMM_ARGUMENTS,
  type IntegerGemmDescription,
  type IntegerWeights,
  integerArithmetic,
  integerPanelLayout,
  packIntegerPanels,
  QUANTIZE_ROWS_ARGUMENTS,
  type QuantizationMode,
  ROW_PARAMETER_BYTES,
  readsUint8InPlace,
} from '@qedge/codegen';
import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import {
  type BindingContext,
  blockFields,
  type KernelPart,
  type KernelSteps,
  worthwhileThreads,
} from './binding.ts';
import { bytesOf, requireDisjoint, requireSize, requireVector, typeName } from './operands.ts';
import { isNamed, loadWeights, nameOf, placePacked, type WeightOrigin } from './packed-weights.ts';
import { divide, splitProduct } from './split-work.ts';

/**
 * How numbers become uint8 codes, `value = (code - zeroPoint) * scale`: with one scale for all, or with scales that each row gets when
 * it is read: symmetric ones (zero point 128), or ones that fit its smallest and largest value.
 */
export type LeftQuantization =
  | { readonly scale: number; readonly zeroPoint: number }
  | 'symmetric-per-row'
  | 'asymmetric-per-row';

/** `c = activation((a - zero point) * b * scales + bias)`, summed exactly in int32. */
export interface IntegerGemmOptions {
  /** Rows of a and c, columns of b and c, columns of a and rows of b; 1 or more, k at most 65,793. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** `[m, k]`: codes, or float32 numbers that are quantised when the kernel runs. */
  readonly a: Uint8Array | Int8Array | Float32Array;
  /**
   * How the numbers of `a` become codes; for codes, what they stand for: then default scale 1 and zero point 0 (the zero point of int8
   * codes is -128..127).
   */
  readonly aQuantization?: LeftQuantization;
  /** `[k, n]`, or `[n, k]` with `transposeB`; codes of `bBits` bits. Copied; any array. */
  readonly b: Int8Array;
  readonly transposeB?: boolean;
  /** 8 (default), or 4: codes -8..7, two per byte when packed. */
  readonly bBits?: 8 | 4;
  /** One per column, or one for all; for a float32 c, default 1. Copied. */
  readonly bScales?: Float32Array;
  /** `[m, n]`: the exact sums, or float32 numbers. */
  readonly c: Int32Array | Float32Array;
  /** `[n]`, for a float32 c. Copied. */
  readonly bias?: Float32Array;
  /** For a float32 c; default `none`. */
  readonly activation?: Activation;
}

/** Weights of an integer product. */
export interface CodesAndScales {
  /** As `b` of {@link IntegerGemmOptions}. */
  readonly codes: Int8Array;
  /** One per column, or one for all. */
  readonly scales: Float32Array;
}

/** A product on integers whose weights may be known by name; their scales then come with them. */
export type IntegerGemmRequest = Omit<IntegerGemmOptions, 'b' | 'bScales'> & {
  readonly weights: WeightOrigin<CodesAndScales>;
};

/** Checks a product on integers and plans its kernels. @throws as `KernelWorkspace.integerGemm`. */
export function integerGemmSteps(
  context: BindingContext,
  { b, bScales, ...options }: IntegerGemmOptions,
): KernelSteps {
  if (!(b instanceof Int8Array)) requireCodes(options, b);
  if (bScales !== undefined && !(options.c instanceof Float32Array)) requireFloatResult();
  const weights = { codes: b, scales: bScales ?? Float32Array.of(1) };
  return planIntegerGemm(context, { ...options, weights });
}

/** As {@link integerGemmSteps}. */
export function planIntegerGemm(context: BindingContext, options: IntegerGemmRequest): KernelSteps {
  return context.arena.reuse(() => planProduct(context, options));
}

function planProduct(context: BindingContext, options: IntegerGemmRequest): KernelSteps {
  const { arena, host } = context;
  const left = checkLeft(options);
  checkResult(options);
  const { m, n, k, a, c } = options;
  const addresses = {
    a: requireVector(arena, 'a', left.type, a, m * k),
    c: requireVector(arena, 'c', left.result, c, m * n),
  };
  requireDisjoint(bytesOf('c', c), [bytesOf('a', a)]);
  const inPlace = left.mode === 'uint8' && readsUint8InPlace(host.traits, k);
  const aRowStride = inPlace ? k : defaultCodeRowStride(k);
  const whole = describe(context, options, left, aRowStride);
  const codes = inPlace
    ? addresses.a
    : arena.temporary(m * aRowStride * encodedCodeBytes(whole.weights, host.traits), 'codes').address;
  const parameters = left.perRow ? arena.temporary(m * ROW_PARAMETER_BYTES, 'row parameters').address : 0;
  const panels = packWeights(context, options, left, whole);
  const threads = worthwhileThreads(context, 2 * m * n * k);
  const places = { codes, parameters, panels, c: addresses.c };
  const product = partsOfProduct(context, whole, places, threads);
  if (inPlace) return [product];
  const quantization = quantizeParts(
    context,
    left,
    { ...places, source: addresses.a, m, k, aRowStride, weights: whole.weights },
    threads,
  );
  return [quantization, product];
}

/** What the left operand is. */
interface LeftOperand {
  readonly type: 'Uint8Array' | 'Int8Array' | 'Float32Array';
  readonly result: 'Int32Array' | 'Float32Array';
  readonly mode: QuantizationMode;
  /** True where every row has a scale of its own. */
  readonly perRow: boolean;
  /** The scale of all codes; 1 where rows have their own. */
  readonly scale: number;
  /** The zero point of the uint8 codes that the product reads; 0 where rows have their own. */
  readonly zeroPoint: number;
  readonly rowZeroPoints: boolean;
}

function checkLeft({ m, n, k, a, c, aQuantization }: IntegerGemmRequest): LeftOperand {
  for (const [name, size] of Object.entries({ m, n, k })) requireSize(name, size, 1);
  const result = resultType(c);
  const isFloat = a instanceof Float32Array;
  const type = isFloat ? 'Float32Array' : a instanceof Int8Array ? 'Int8Array' : 'Uint8Array';
  if (typeof aQuantization === 'string') {
    if (aQuantization !== 'symmetric-per-row' && aQuantization !== 'asymmetric-per-row') {
      throw new InvalidArgumentError('aQuantization names nothing that is known', {
        expected: '{ scale, zeroPoint }, "symmetric-per-row" or "asymmetric-per-row"',
        actual: aQuantization,
      });
    }
    if (isFloat && result === 'Float32Array') {
      const asymmetric = aQuantization === 'asymmetric-per-row';
      const mode = asymmetric ? 'row-asymmetric' : 'row-symmetric';
      const zeroPoint = asymmetric ? 0 : 128;
      return { type, result, mode, perRow: true, scale: 1, zeroPoint, rowZeroPoints: asymmetric };
    }
    throw new InvalidArgumentError('Scales per row need float32 numbers on both sides', {
      expected: 'a and c of type Float32Array',
      actual: `${type} and ${result}`,
    });
  }
  if (isFloat && aQuantization === undefined) {
    throw new InvalidArgumentError('A float32 a of an integer product needs aQuantization', {
      expected: '{ scale, zeroPoint }, "symmetric-per-row" or "asymmetric-per-row"',
      actual: 'undefined',
    });
  }
  const { scale = 1, zeroPoint = 0 } = aQuantization ?? {};
  const least = type === 'Int8Array' ? -128 : 0;
  if (
    !(scale > 0 && Number.isFinite(scale) && Number.isInteger(zeroPoint)) ||
    zeroPoint < least ||
    zeroPoint > least + 255
  ) {
    throw new InvalidArgumentError('aQuantization is impossible', {
      expected: `a positive scale, and an integer zero point ${least}..${least + 255}`,
      actual: aQuantization,
    });
  }
  const mode = isFloat ? 'static' : type === 'Int8Array' ? 'int8' : 'uint8';
  return { type, result, mode, perRow: false, scale, zeroPoint: zeroPoint - least, rowZeroPoints: false };
}

function resultType(c: IntegerGemmOptions['c']): 'Int32Array' | 'Float32Array' {
  const found = typeName(c);
  if (found === 'Int32Array' || found === 'Float32Array') return found;
  throw new InvalidArgumentError('c has the wrong type', {
    expected: 'Int32Array or Float32Array',
    actual: found,
  });
}

function checkResult(options: IntegerGemmRequest): void {
  const { n, bBits = 8, weights, c, bias, activation = 'none' } = options;
  if (bBits !== 8 && bBits !== 4) {
    throw new InvalidArgumentError('bBits is out of range', { expected: '8 or 4', actual: bBits });
  }
  if (!isNamed(weights)) checkWeights(options, weights);
  if (bias !== undefined && bias.length !== n) {
    throw new ShapeMismatchError('bias has the wrong length', { expected: n, actual: bias.length });
  }
  if (!(c instanceof Float32Array) && (bias !== undefined || activation !== 'none')) requireFloatResult();
}

function checkWeights(options: Pick<IntegerGemmRequest, 'n' | 'k'>, { codes, scales }: CodesAndScales): void {
  requireCodes(options, codes);
  if (scales.length === options.n || scales.length === 1) return;
  throw new ShapeMismatchError('bScales has the wrong length', {
    expected: `${options.n} or 1`,
    actual: scales.length,
  });
}

function requireCodes({ n, k }: Pick<IntegerGemmRequest, 'n' | 'k'>, b: Int8Array): void {
  if (b instanceof Int8Array && b.length === k * n) return;
  throw new ShapeMismatchError('b does not fit its shape', {
    expected: `an Int8Array of ${k * n} codes for [${k}, ${n}]`,
    actual: `${(b as Int8Array | undefined)?.constructor.name} of ${(b as Int8Array | undefined)?.length}`,
  });
}

function requireFloatResult(): never {
  throw new InvalidArgumentError('Exact sums have neither scales nor bias nor activation', {
    expected: 'a c of type Float32Array',
    actual: 'Int32Array',
  });
}

function describe(
  { host, tuner }: BindingContext,
  { m, n, k, bBits = 8, bias, activation = 'none' }: IntegerGemmRequest,
  left: LeftOperand,
  aRowStride: number,
): IntegerGemmDescription {
  const product = {
    kind: 'integer-gemm',
    rows: m,
    columns: n,
    depth: k,
    weights: bBits === 4 ? 'int4' : 'int8',
    aRowStride,
    cRowStride: n,
    output: left.result === 'Int32Array' ? 'int32' : 'float32',
    rowScales: left.perRow,
    rowZeroPoints: left.rowZeroPoints,
    epilogue: { bias: bias !== undefined, activation, softmax: false },
  } as const;
  return { ...product, blocking: tuner.integerGemmBlocking(host, product) };
}

/** @returns the address of the panels. */
function packWeights(
  context: BindingContext,
  options: IntegerGemmRequest,
  { scale, zeroPoint, result, rowZeroPoints }: LeftOperand,
  whole: IntegerGemmDescription,
): number {
  const { n, k, transposeB = false, weights, bias } = options;
  const { traits } = context.host;
  const { byteLength, panelColumns } = integerPanelLayout(whole, traits);
  const layout = [
    `integers ${k}x${n} ${transposeB} ${whole.weights} ${panelColumns} ${traits.lanes} ${integerArithmetic(whole.weights, traits)}`,
    `${result} ${bias === undefined ? 'plain' : 'bias'} ${scale} ${zeroPoint} ${rowZeroPoints}`,
  ].join(' ');
  return placePacked(context, { name: nameOf(weights), layout, byteLength }, (target) => {
    const { codes, scales } = loadWeights(weights);
    checkWeights(options, { codes, scales });
    const columns = {
      codes,
      rowStride: transposeB ? 1 : n,
      columnStride: transposeB ? k : 1,
      zeroPoint,
      scales: result === 'Float32Array' ? scales.map((each) => Math.fround(scale) * each) : null,
      bias: bias ?? null,
    };
    packIntegerPanels(whole, traits, columns, target);
  });
}

/** Addresses. */
interface Places {
  readonly codes: number;
  readonly parameters: number;
  readonly panels: number;
  readonly c: number;
}

function partsOfProduct(
  { host }: BindingContext,
  whole: IntegerGemmDescription,
  places: Places,
  threads: number,
): KernelPart[] {
  const { panelColumns, panelByteLength } = integerPanelLayout(whole, host.traits);
  const { rows, columns, aRowStride, cRowStride, blocking } = whole;
  const cut = { batch: 1, rows, columns, tileRows: blocking.tileRows, panelColumns, wholeRows: false };
  const aRowBytes = aRowStride * encodedCodeBytes(whole.weights, host.traits);
  return splitProduct(cut, threads).map((part) => {
    const description = { ...whole, rows: part.rows.count, columns: part.columns.count };
    const fields = blockFields(Object.keys(INTEGER_GEMM_ARGUMENTS).length, {
      [INTEGER_GEMM_ARGUMENTS.a]: places.codes + part.rows.from * aRowBytes,
      [INTEGER_GEMM_ARGUMENTS.b]: places.panels + (part.columns.from / panelColumns) * panelByteLength,
      [INTEGER_GEMM_ARGUMENTS.c]: places.c + (part.rows.from * cRowStride + part.columns.from) * 4,
      [INTEGER_GEMM_ARGUMENTS.rowParameters]: places.parameters + part.rows.from * ROW_PARAMETER_BYTES,
    });
    return { description, fields };
  });
}

function quantizeParts(
  { host }: BindingContext,
  { mode, scale, zeroPoint, type }: LeftOperand,
  places: Places &
    Readonly<Record<'source' | 'm' | 'k' | 'aRowStride', number>> & { readonly weights: IntegerWeights },
  threads: number,
): KernelPart[] {
  const { source, m, k, aRowStride, weights } = places;
  const description = {
    kind: 'quantize-rows',
    mode,
    weights,
    depth: k,
    sourceRowStride: k,
    codeRowStride: aRowStride,
  } as const;
  return divide(m, threads).map(({ from, count }) => ({
    description,
    fields: blockFields(Object.keys(QUANTIZE_ROWS_ARGUMENTS).length, {
      [QUANTIZE_ROWS_ARGUMENTS.source]: source + from * k * (type === 'Float32Array' ? 4 : 1),
      [QUANTIZE_ROWS_ARGUMENTS.codes]:
        places.codes + from * aRowStride * encodedCodeBytes(weights, host.traits),
      [QUANTIZE_ROWS_ARGUMENTS.rows]: count,
      [QUANTIZE_ROWS_ARGUMENTS.parameters]: places.parameters + from * ROW_PARAMETER_BYTES,
      [QUANTIZE_ROWS_ARGUMENTS.scale]: { float32: scale },
      [QUANTIZE_ROWS_ARGUMENTS.zeroPoint]: { float32: zeroPoint },
    }),
  }));
}
