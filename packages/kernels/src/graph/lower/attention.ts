import type { KernelSteps } from '../../engine/binding.ts';
import { gemmSteps } from '../../engine/gemm.ts';
import { softmaxSteps } from '../../engine/row-kernels.ts';
import { broadcastStrides } from '../operators/strided.ts';
import { inputOf, type Lowering } from './lowering.ts';
import { stridedPointwiseSteps } from './pointwise.ts';

/** Sizes of an attention. */
interface AttentionSizes {
  readonly batch: number;
  readonly tokens: number;
  readonly keys: number;
  readonly size: number;
  readonly valueSize: number;
  /** Heads that share keys and values. */
  readonly shared: number;
}

function sizesOf(node: Lowering<'attention'>): AttentionSizes {
  const { heads, keyHeads } = node.operator;
  const [batch, tokens, width] = inputOf(node, 0).shape as [number, number, number];
  const keys = inputOf(node, 1).shape[1]!;
  const valueSize = inputOf(node, 2).shape[2]! / keyHeads;
  return { batch, tokens, keys, size: width / heads, valueSize, shared: heads / keyHeads };
}

/**
 * Per sample: the scores of all heads as a batch of products on the operands as they lie, the mask, softmax, and the products with the
 * values, written where they belong. Nothing is transposed; the scores of one sample are all that is kept.
 */
export function lowerAttention(node: Lowering<'attention'>): KernelSteps {
  const { context, operator } = node;
  const sizes = sizesOf(node);
  const { batch, tokens, keys } = sizes;
  if (keys === 0) return [];
  const scores = context.arena.temporaryArray(Float32Array, operator.heads * tokens * keys, 'scores');
  const causal = operator.causal ? causalMask(node, sizes) : null;
  const isMasked = causal !== null || (node.inputs[3] ?? null) !== null;
  return Array.from({ length: batch }, (_, sample) => [
    ...products(node, sizes, scores, sample, isMasked).scores,
    ...maskSteps(node, sizes, scores, causal, sample),
    ...(isMasked ? softmaxSteps(context, { rows: operator.heads * tokens, width: keys, input: scores }) : []),
    ...products(node, sizes, scores, sample, isMasked).values,
  ]).flat();
}

/** The two products of one sample. Heads that share keys are a batch of their own. */
function products(
  node: Lowering<'attention'>,
  { tokens, keys, size, valueSize, shared }: AttentionSizes,
  scores: Float32Array,
  sample: number,
  isMasked: boolean,
): { readonly scores: KernelSteps; readonly values: KernelSteps } {
  const { context, operator, outputs } = node;
  const { heads, keyHeads, scale } = operator;
  const [q, k, v] = [inputOf(node, 0), inputOf(node, 1), inputOf(node, 2)].map((value) => {
    return value.floats.subarray(sample * value.shape[1]! * value.shape[2]!);
  }) as [Float32Array, Float32Array, Float32Array];
  const output = outputs[0]!.floats.subarray(sample * tokens * heads * valueSize);
  // Each head has keys of its own, or some heads after each other have the same.
  const groups = shared === 1 ? [0] : Array.from({ length: keyHeads }, (_, group) => group);
  const batch = shared === 1 ? heads : shared;
  const rows = (data: Float32Array, rowStride: number, batchStride: number) => ({
    data,
    rowStride,
    batchStride,
  });
  const own = (stride: number) => (shared === 1 ? stride : 0);
  const scored = groups.flatMap((group) => {
    const head = group * shared;
    return gemmSteps(context, {
      ...{ m: tokens, n: keys, k: size, batch, alpha: scale, transposeB: true, softmax: !isMasked },
      a: rows(q.subarray(head * size), heads * size, size),
      b: rows(k.subarray(group * size), keyHeads * size, own(size)),
      c: rows(scores.subarray(head * tokens * keys), keys, tokens * keys),
    });
  });
  const valued = groups.flatMap((group) => {
    const head = group * shared;
    return gemmSteps(context, {
      ...{ m: tokens, n: valueSize, k: keys, batch },
      a: rows(scores.subarray(head * tokens * keys), keys, tokens * keys),
      b: rows(v.subarray(group * valueSize), keyHeads * valueSize, own(valueSize)),
      c: rows(output.subarray(head * valueSize), heads * valueSize, valueSize),
    });
  });
  return { scores: scored, values: valued };
}

/** 0 where a token sees a key, minus infinity where the key comes later. */
function causalMask({ context }: Lowering<'attention'>, { tokens, keys }: AttentionSizes): Float32Array {
  const mask = context.arena.array(Float32Array, tokens * keys, 'a causal mask');
  for (let token = 0; token < tokens; token++) {
    mask.fill(Number.NEGATIVE_INFINITY, token * keys + token + 1, (token + 1) * keys);
  }
  return mask;
}

const SUM = { operation: 'add', a: { input: 0 }, b: { input: 1 } } as const;

function maskSteps(
  node: Lowering<'attention'>,
  { batch, tokens, keys }: AttentionSizes,
  scores: Float32Array,
  causal: Float32Array | null,
  sample: number,
): KernelSteps {
  const { heads } = node.operator;
  const sizes = [heads, tokens, keys];
  const place = { data: scores, strides: [tokens * keys, keys, 1] };
  const add = (data: Float32Array, strides: readonly number[]) => {
    return stridedPointwiseSteps(node.context, SUM, sizes, [place, { data, strides }], place);
  };
  const mask = node.inputs[3] ?? null;
  const steps = causal === null ? [] : [...add(causal, [0, keys, 1])];
  if (mask === null) return steps;
  const [first, ...strides] = broadcastStrides(mask.shape, [batch, ...sizes]);
  return [...steps, ...add(mask.floats.subarray(sample * first!), strides)];
}
