import { InvalidArgumentError, ShapeMismatchError, UnsupportedError, type ValueSpec } from '@qedge/core';
import { checkDtype, checkFinite, checkInteger, checkRank, takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';
import { softmaxInPlace } from './softmax.ts';
import { broadcastShapes, broadcastStrides } from './strided.ts';
import { newFloats } from './value-data.ts';

function attentionSizes(q: ValueSpec, k: ValueSpec, v: ValueSpec, heads: number, keyHeads: number) {
  const [batch, tokens, width] = q.shape as [number, number, number];
  const keys = k.shape[1]!;
  const valueSize = v.shape[2]! / keyHeads;
  return { batch, tokens, keys, size: width / heads, valueSize };
}

/**
 * Scaled dot-product attention with several heads; several heads may share keys and values. -Infinity is added to the score of a hidden key, so
 * that NaN stays NaN. A token that no key is visible to becomes NaN.
 */
export const attention: OperatorDefinition<'attention'> = {
  kind: 'attention',

  infer({ heads, keyHeads, scale, causal }, inputs) {
    const [q, k, v, mask] = takeInputs(inputs, ['q', 'k', 'v'], ['mask']);
    for (const each of [q!, k!, v!, mask!]) checkDtype(each, 'inputs of an attention', 'float32');
    for (const each of [q!, k!, v!]) checkRank(each, 'inputs of an attention', 3);
    checkInteger(heads, 'The number of heads', 1);
    checkInteger(keyHeads, 'The number of key heads', 1);
    checkFinite(scale, 'The scale of an attention');
    if (heads % keyHeads !== 0) {
      throw new InvalidArgumentError('The key heads do not divide the heads', { actual: [heads, keyHeads] });
    }
    const { batch, tokens, keys, size, valueSize } = attentionSizes(q!, k!, v!, heads, keyHeads);
    const fits =
      Number.isInteger(size) &&
      Number.isInteger(valueSize) &&
      k!.shape[2] === keyHeads * size &&
      v!.shape[1] === keys &&
      k!.shape[0] === batch &&
      v!.shape[0] === batch;
    if (!fits) {
      throw new ShapeMismatchError('The inputs of an attention do not fit', {
        expected:
          'q [batch, tokens, heads * size], k [batch, keys, keyHeads * size], v [batch, keys, keyHeads * valueSize]',
        actual: [q!.shape, k!.shape, v!.shape],
      });
    }
    if (causal && keys !== tokens) {
      throw new UnsupportedError('Causal attention needs as many keys as tokens', {
        expected: tokens,
        actual: keys,
        remedy: 'Give a mask.',
      });
    }
    const scores = [batch, heads, tokens, keys];
    if (mask && broadcastShapes([mask.shape, scores]).some((each, i) => each !== scores[i])) {
      throw new ShapeMismatchError('The mask does not broadcast to the scores', {
        expected: scores,
        actual: mask.shape,
      });
    }
    return [{ dtype: 'float32', shape: [batch, tokens, heads * valueSize] }];
  },

  evaluate({ heads, keyHeads, scale, causal }, inputs) {
    const [q, k, v, mask] = takeInputs(inputs, ['q', 'k', 'v'], ['mask']);
    const { batch, tokens, keys, size, valueSize } = attentionSizes(q!, k!, v!, heads, keyHeads);
    const { value, data } = newFloats([batch, tokens, heads * valueSize]);
    const [queries, keyed, values] = [q!.data, k!.data, v!.data];
    const strides = mask ? broadcastStrides(mask.shape, [batch, heads, tokens, keys]) : [0, 0, 0, 0];
    const row = new Float64Array(keys);
    const sums = new Float64Array(valueSize);
    for (let unit = 0; unit < batch * heads * tokens; unit++) {
      const token = unit % tokens;
      const head = Math.floor(unit / tokens) % heads;
      const sample = Math.floor(unit / (tokens * heads));
      const keyHead = Math.floor((head * keyHeads) / heads);
      const query = ((sample * tokens + token) * heads + head) * size;
      const maskRow = sample * strides[0]! + head * strides[1]! + token * strides[2]!;
      for (let key = 0; key < keys; key++) {
        let score = 0;
        const at = ((sample * keys + key) * keyHeads + keyHead) * size;
        for (let i = 0; i < size; i++) score += queries[query + i]! * keyed[at + i]!;
        score *= scale;
        if (mask) score += mask.data[maskRow + key * strides[3]!]!;
        row[key] = causal && key > token ? score + Number.NEGATIVE_INFINITY : score;
      }
      softmaxInPlace(row, false);
      sums.fill(0);
      for (let key = 0; key < keys; key++) {
        const at = ((sample * keys + key) * keyHeads + keyHead) * valueSize;
        for (let i = 0; i < valueSize; i++) sums[i]! += row[key]! * values[at + i]!;
      }
      data.set(sums, ((sample * tokens + token) * heads + head) * valueSize);
    }
    return [value];
  },
};
