import { InvalidArgumentError } from '@qedge/core';
import { MAX_FOLDED_ELEMENTS } from './constant.ts';
import { type ImportedValue, knownValue } from './imported-value.ts';
import { multiply } from './matrix-operators.ts';
import type { ImportOperator, NodeContext } from './node-context.ts';
import { asFloat, at, choose, combine, number, pointwise } from './pointwise.ts';
import { reshape, sliceAxis, transpose } from './structure.ts';

/** Heads of an attention; several may share a key head. */
interface Heads {
  readonly heads: number;
  readonly keyHeads: number;
}

function headsOf(context: NodeContext, attribute: string, otherwise = 0): number {
  const heads = context.integer(attribute, otherwise);
  if (heads >= 1) return heads;
  throw new InvalidArgumentError(`${attribute} is missing`, { expected: 'at least 1', actual: heads });
}

/** `softmax(scale * q k^T + mask) v`, all `[batch, tokens, heads * size]`. */
function attend(
  context: NodeContext,
  [q, k, v]: readonly [ImportedValue, ImportedValue, ImportedValue],
  { heads, keyHeads }: Heads,
  mask: ImportedValue | null,
  { scale, causal }: { readonly scale: number; readonly causal: boolean },
): ImportedValue {
  // 0 stands for the usual scale.
  const factor = scale === 0 ? 1 / Math.sqrt(q.shape[2]! / heads) : scale;
  const operands = [q, k, v].map((each) => asFloat(context, each));
  return context.emit(
    { kind: 'attention', heads, keyHeads, scale: factor, causal },
    mask === null ? operands : [...operands, asFloat(context, mask)],
    q.type,
  );
}

/** A mask that is added to scores, from one that says with 0 which keys are hidden. */
function hiddenToScores(context: NodeContext, mask: ImportedValue, hidden: number): ImportedValue {
  return pointwise(context, choose(at(0), number(0), number(hidden)), [mask], 'float32');
}

/** Adds a bias to scores to a mask. */
function addBias(
  context: NodeContext,
  mask: ImportedValue | null,
  bias: ImportedValue | null,
): ImportedValue | null {
  if (mask === null || bias === null) return mask ?? bias;
  return pointwise(context, combine(at(0), 'add', at(1)), [mask, bias], 'float32');
}

/** Masks of ONNX Runtime: `[batch, keys]`, 1 for each key that is seen, or `[batch, tokens, keys]`. */
function paddingMask(
  context: NodeContext,
  mask: ImportedValue | null,
  keys: number,
  otherwise: number,
): ImportedValue | null {
  if (mask === null) return null;
  const { shape } = mask;
  context.refuse(
    shape.length === 1 || shape.length > 3 || shape.at(-1) !== keys,
    `a mask of shape [${shape.join(', ')}]`,
  );
  const batch = shape[0]!;
  const scores = shape.length === 2 ? [batch, 1, 1, keys] : [batch, 1, shape[1]!, keys];
  return hiddenToScores(
    context,
    reshape(context, mask, scores),
    context.float('mask_filter_value', otherwise),
  );
}

/** ONNX Runtime's attention of one input with its weights. Inputs: x, weights, bias, mask, past, bias of the scores. */
const fusedAttention: ImportOperator = (context) => {
  context.refuse(context.optional(4) !== null || context.wants(1), 'past keys');
  context.refuse(context.integer('do_rotary', 0) !== 0, 'rotary positions');
  const [x, weights, bias] = [context.input(0), context.input(1), context.optional(2)];
  const heads = headsOf(context, 'num_heads');
  const width = weights.shape[1]! / 3;
  const sizes = context.integers('qkv_hidden_sizes') ?? [width, width, width];
  if (sizes.length !== 3 || sizes[0]! + sizes[1]! + sizes[2]! !== weights.shape[1])
    throw new InvalidArgumentError('The weights of an Attention do not divide', {
      expected: weights.shape[1],
      actual: sizes,
    });
  const joined = multiply(context, x, weights, { bias });
  const starts = [0, sizes[0]!, sizes[0]! + sizes[1]!];
  const parts = starts.map((start, index) => sliceAxis(context, joined, 2, start, sizes[index]!));
  const keys = x.shape[1]!;
  const mask = addBias(context, paddingMask(context, context.optional(3), keys, -10000), context.optional(5));
  const manner = { scale: context.float('scale', 0), causal: context.integer('unidirectional', 0) !== 0 };
  return attend(
    context,
    parts as [ImportedValue, ImportedValue, ImportedValue],
    { heads, keyHeads: heads },
    mask,
    manner,
  );
};

/** ONNX Runtime's attention of projected inputs. Inputs: q, k, v, their bias, mask, bias of the scores, past keys and values. */
const multiHeadAttention: ImportOperator = (context) => {
  context.refuse(
    context.optional(6) !== null || context.optional(7) !== null || context.wants(1),
    'past keys',
  );
  const [query, key, value, bias] = [
    context.input(0),
    context.input(1),
    context.input(2),
    context.optional(3),
  ];
  const heads = headsOf(context, 'num_heads');
  context.refuse(query.shape.length !== 3, 'packed inputs');
  const flat = [query, key, value].map((each) => joinHeads(context, each));
  let start = 0;
  const biased = flat.map((each) => {
    if (bias === null) return each;
    const part = sliceAxis(context, bias, 0, start, each.shape[2]!);
    start += each.shape[2]!;
    return pointwise(context, combine(at(0), 'add', at(1)), [each, part], each.type);
  });
  const keys = flat[1]!.shape[1]!;
  const mask = addBias(context, paddingMask(context, context.optional(4), keys, -10000), context.optional(5));
  const manner = { scale: context.float('scale', 0), causal: context.integer('unidirectional', 0) !== 0 };
  return attend(
    context,
    biased as [ImportedValue, ImportedValue, ImportedValue],
    { heads, keyHeads: heads },
    mask,
    manner,
  );
};

/** `[batch, heads, tokens, size]` as `[batch, tokens, heads * size]`; what has three axes is that already. */
function joinHeads(context: NodeContext, value: ImportedValue): ImportedValue {
  if (value.shape.length === 3) return value;
  context.refuse(value.shape.length !== 4, `${value.shape.length} axes`);
  const [batch, heads, tokens, size] = value.shape as [number, number, number, number];
  return reshape(context, transpose(context, value, [0, 2, 1, 3]), [batch, tokens, heads * size]);
}

/** ONNX's own attention, of version 23. Inputs: q, k, v, mask, past keys and values. */
const attention: ImportOperator = (context) => {
  context.refuse(context.optional(4) !== null || context.optional(5) !== null, 'past keys');
  context.refuse(
    [1, 2, 3].some((index) => context.wants(index)),
    'more than one output',
  );
  context.refuse(context.float('softcap', 0) !== 0, 'softcap');
  const [query, key, value] = [context.input(0), context.input(1), context.input(2)];
  const split = query.shape.length === 4;
  const heads = split ? query.shape[1]! : headsOf(context, 'q_num_heads');
  const keyHeads = split ? key.shape[1]! : headsOf(context, 'kv_num_heads');
  const [q, k, v] = [query, key, value].map((each) => joinHeads(context, each)) as [
    ImportedValue,
    ImportedValue,
    ImportedValue,
  ];
  const given = context.optional(3);
  const scores = given?.type === 'bool' ? hiddenToScores(context, given, Number.NEGATIVE_INFINITY) : given;
  const causal = context.integer('is_causal', 0) !== 0;
  const [tokens, keys] = [q.shape[1]!, k.shape[1]!];
  const square = tokens === keys;
  const mask = causal && !square ? addBias(context, causalMask(context, tokens, keys), scores) : scores;
  const manner = { scale: context.float('scale', 0), causal: causal && square };
  const y = attend(context, [q, k, v], { heads, keyHeads }, mask, manner);
  if (!split) return y;
  const [batch, width] = [y.shape[0]!, y.shape[2]! / heads];
  return transpose(context, reshape(context, y, [batch, tokens, heads, width]), [0, 2, 1, 3]);
};

/** Token i sees the keys up to i. */
function causalMask(context: NodeContext, tokens: number, keys: number): ImportedValue {
  context.refuse(Math.max(tokens, keys) > MAX_FOLDED_ELEMENTS, 'so many tokens');
  const all = (count: number) => Array.from({ length: count }, (_, index) => index);
  const rows = knownValue('float32', [tokens, 1], all(tokens));
  const columns = knownValue('float32', [1, keys], all(keys));
  const hidden = combine(at(1), 'greater', at(0));
  return pointwise(
    context,
    choose(hidden, number(Number.NEGATIVE_INFINITY), number(0)),
    [rows, columns],
    'float32',
  );
}

/** Attention. */
export const ATTENTION_OPERATORS: Readonly<Record<string, ImportOperator>> = {
  Attention: attention,
  'com.microsoft.Attention': fusedAttention,
  'com.microsoft.MultiHeadAttention': multiHeadAttention,
};
