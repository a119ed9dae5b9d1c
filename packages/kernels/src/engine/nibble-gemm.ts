import {
  type Activation,
  defaultCodeRowStride,
  encodedGroupCodeBytes,
  GROUP_DEPTH,
  GROUP_PARAMETER_BYTES,
  NIBBLE_GEMM_ARGUMENTS,
  type NibbleGemmDescription,
  nibblePanelLayout,
  packNibblePanels,
  QUANTIZE_ROWS_ARGUMENTS,
} from '@qedge/codegen';
import {
  type BindingContext,
  blockFields,
  type KernelPart,
  type KernelSteps,
  worthwhileThreads,
} from './binding.ts';
import { bytesOf, requireDisjoint, requireSize, requireVector } from './operands.ts';
import { loadWeights, nameOf, placePacked, type WeightOrigin } from './packed-weights.ts';
import { divide, splitProduct } from './split-work.ts';

/**
 * `c = activation(a * W^T + bias)` with 4-bit weights in groups of 32 along k: `W[j, i] = (nibble - zeroPoint) * scale`, in the layout of
 * the operator MatMulNBits of ONNX Runtime. Rows of a are quantised to int8 per group of 32 when the kernel runs, which is what
 * ONNX Runtime calls accuracy level 4.
 */
export interface NibbleGemmOptions {
  /** Rows of a and c, columns of c, columns of a; 1 or more. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** `[m, k]`. */
  readonly a: Float32Array;
  /** `[n, ceil(k / 32), 16]`: the weight of lower depth in the low half of each byte. Copied; any array. */
  readonly nibbles: Uint8Array;
  /** `[n, ceil(k / 32)]`: float32 numbers, or the bits of float16 numbers. Copied. */
  readonly scales: Float32Array | Uint16Array;
  /** `[n, ceil(ceil(k / 32) / 2)]`, two per byte; default 8 everywhere. Copied. */
  readonly zeroPoints?: Uint8Array;
  /** `[m, n]`. */
  readonly c: Float32Array;
  /** `[n]`. Copied. */
  readonly bias?: Float32Array;
  /** Default `none`. */
  readonly activation?: Activation;
}

/** Weights of a product with nibbles, as in {@link NibbleGemmOptions}. */
export type GroupedWeights = Pick<NibbleGemmOptions, 'nibbles' | 'scales' | 'zeroPoints'>;

/** A product whose nibbles may be known by name. */
export type NibbleGemmRequest = Omit<NibbleGemmOptions, keyof GroupedWeights> & {
  readonly weights: WeightOrigin<GroupedWeights>;
  readonly scaleFormat: 'float32' | 'float16';
  readonly zeroPoints: 'eight' | 'given';
};

/** Checks a product with nibble weights and plans its kernels. @throws as `KernelWorkspace.nibbleGemm`. */
export function nibbleGemmSteps(context: BindingContext, options: NibbleGemmOptions): KernelSteps {
  const { nibbles, scales, zeroPoints, ...product } = options;
  return planNibbleGemm(context, {
    ...product,
    weights: zeroPoints === undefined ? { nibbles, scales } : { nibbles, scales, zeroPoints },
    scaleFormat: scales instanceof Uint16Array ? 'float16' : 'float32',
    zeroPoints: zeroPoints === undefined ? 'eight' : 'given',
  });
}

/** As {@link nibbleGemmSteps}. */
export function planNibbleGemm(context: BindingContext, options: NibbleGemmRequest): KernelSteps {
  return context.arena.reuse(() => planProduct(context, options));
}

function planProduct(context: BindingContext, options: NibbleGemmRequest): KernelSteps {
  const { arena, host } = context;
  const { m, n, k, a, c } = options;
  for (const [name, size] of Object.entries({ m, n, k })) requireSize(name, size, 1);
  const source = requireVector(arena, 'a', 'Float32Array', a, m * k);
  const result = requireVector(arena, 'c', 'Float32Array', c, m * n);
  requireDisjoint(bytesOf('c', c), [bytesOf('a', a)]);
  const whole = describe(context, options);
  const panels = packWeights(context, options, whole);
  const groups = Math.ceil(k / GROUP_DEPTH);
  const codeBytes = m * whole.aRowStride * encodedGroupCodeBytes(host.traits);
  const codes = arena.temporary(codeBytes, 'codes').address;
  const parameters = arena.temporary(m * groups * GROUP_PARAMETER_BYTES, 'group parameters').address;
  const places = { source, codes, parameters, panels, c: result };
  const threads = worthwhileThreads(context, 2 * m * n * k);
  return [quantizeParts(context, whole, places, threads), partsOfProduct(context, whole, places, threads)];
}

function describe(
  { host, tuner }: BindingContext,
  { m, n, k, scaleFormat, zeroPoints, bias, activation = 'none' }: NibbleGemmRequest,
): NibbleGemmDescription {
  const product = {
    kind: 'nibble-gemm',
    rows: m,
    columns: n,
    depth: k,
    aRowStride: defaultCodeRowStride(k),
    cRowStride: n,
    scales: scaleFormat,
    zeroPoints,
    epilogue: { bias: bias !== undefined, activation, softmax: false },
  } as const;
  return { ...product, blocking: tuner.nibbleGemmBlocking(host, product) };
}

/** @returns the address of the panels. */
function packWeights(
  context: BindingContext,
  { n, k, weights, bias }: NibbleGemmRequest,
  whole: NibbleGemmDescription,
): number {
  const { traits } = context.host;
  const { byteLength, panelColumns } = nibblePanelLayout(whole, traits);
  const layout = [
    `nibbles ${k}x${n} ${whole.scales} ${whole.zeroPoints} ${panelColumns} ${traits.lanes} ${traits.dot} ${traits.multiplyBytes}`,
    bias === undefined ? 'plain' : 'bias',
  ].join(' ');
  return placePacked(context, { name: nameOf(weights), layout, byteLength }, (target) => {
    const { nibbles, scales, zeroPoints = null } = loadWeights(weights);
    packNibblePanels(whole, traits, { nibbles, scales, zeroPoints, bias: bias ?? null }, target);
  });
}

type Places = Readonly<Record<'source' | 'codes' | 'parameters' | 'panels' | 'c', number>>;

function partsOfProduct(
  { host }: BindingContext,
  whole: NibbleGemmDescription,
  places: Places,
  threads: number,
): KernelPart[] {
  const { panelColumns, panelByteLength, groups } = nibblePanelLayout(whole, host.traits);
  const { rows, columns, aRowStride, cRowStride, blocking } = whole;
  const codeRowBytes = aRowStride * encodedGroupCodeBytes(host.traits);
  const cut = { batch: 1, rows, columns, tileRows: blocking.tileRows, panelColumns, wholeRows: false };
  return splitProduct(cut, threads).map((part) => {
    const description = { ...whole, rows: part.rows.count, columns: part.columns.count };
    const fields = blockFields(Object.keys(NIBBLE_GEMM_ARGUMENTS).length, {
      [NIBBLE_GEMM_ARGUMENTS.a]: places.codes + part.rows.from * codeRowBytes,
      [NIBBLE_GEMM_ARGUMENTS.b]: places.panels + (part.columns.from / panelColumns) * panelByteLength,
      [NIBBLE_GEMM_ARGUMENTS.c]: places.c + (part.rows.from * cRowStride + part.columns.from) * 4,
      [NIBBLE_GEMM_ARGUMENTS.groupParameters]:
        places.parameters + part.rows.from * groups * GROUP_PARAMETER_BYTES,
    });
    return { description, fields };
  });
}

function quantizeParts(
  { host }: BindingContext,
  { rows, depth, aRowStride }: NibbleGemmDescription,
  places: Places,
  threads: number,
): KernelPart[] {
  const description = {
    kind: 'quantize-rows',
    mode: 'group-symmetric',
    weights: 'int4',
    depth,
    sourceRowStride: depth,
    codeRowStride: aRowStride,
  } as const;
  const groups = Math.ceil(depth / GROUP_DEPTH);
  return divide(rows, threads).map(({ from, count }) => ({
    description,
    fields: blockFields(Object.keys(QUANTIZE_ROWS_ARGUMENTS).length, {
      [QUANTIZE_ROWS_ARGUMENTS.source]: places.source + from * depth * 4,
      [QUANTIZE_ROWS_ARGUMENTS.codes]: places.codes + from * aRowStride * encodedGroupCodeBytes(host.traits),
      [QUANTIZE_ROWS_ARGUMENTS.rows]: count,
      [QUANTIZE_ROWS_ARGUMENTS.parameters]: places.parameters + from * groups * GROUP_PARAMETER_BYTES,
    }),
  }));
}
