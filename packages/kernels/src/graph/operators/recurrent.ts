import { InvalidArgumentError, type OperatorOf, UnsupportedError, type ValueSpec } from '@qedge/core';
import { checkDtype, checkInteger, checkRank, checkShape, takeInputs } from './input-checks.ts';
import type { OperatorDefinition, ValueData } from './operator-definition.ts';
import { newFloats } from './value-data.ts';

type Recurrent = OperatorOf<'recurrent'>;

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

function named<Value extends ValueSpec>(inputs: readonly (Value | null)[]) {
  const [x, w, r, b, lengths, h, c] = takeInputs(
    inputs,
    ['x', 'w', 'r'],
    ['b', 'sequence lengths', 'initial h', 'initial c'],
  );
  return { x: x!, w: w!, r: r!, b: b!, lengths: lengths!, h: h!, c: c! };
}

/** LSTM (gates i, o, f, c) and GRU (gates z, r, h), as ONNX defines them. */
export const recurrent: OperatorDefinition<'recurrent'> = {
  kind: 'recurrent',

  infer({ cell, direction, hiddenSize }, inputs) {
    if (cell !== 'lstm' && cell !== 'gru') {
      throw new InvalidArgumentError('Unknown recurrent cell', { expected: 'lstm, gru', actual: cell });
    }
    if (!['forward', 'reverse', 'bidirectional'].includes(direction)) {
      throw new InvalidArgumentError('Unknown direction', {
        expected: 'forward, reverse, bidirectional',
        actual: direction,
      });
    }
    const { x, w, r, b, lengths, h, c } = named(inputs);
    if (lengths !== null) {
      throw new UnsupportedError('Sequences of different lengths are not supported', {
        expected: 'no sequence lengths',
        remedy: 'Run every length alone.',
      });
    }
    for (const each of [x, w, r, b, h, c]) checkDtype(each, 'inputs of a recurrent layer', 'float32');
    checkInteger(hiddenSize, 'The hidden size', 1);
    checkRank(x, 'inputs of a recurrent layer', 3);
    const [time, batch, size] = x.shape as [number, number, number];
    const directions = direction === 'bidirectional' ? 2 : 1;
    const gates = cell === 'lstm' ? 4 : 3;
    checkShape(w, 'weights w', [directions, gates * hiddenSize, size]);
    checkShape(r, 'weights r', [directions, gates * hiddenSize, hiddenSize]);
    checkShape(b, 'biases b', [directions, 2 * gates * hiddenSize]);
    const state = [directions, batch, hiddenSize];
    checkShape(h, 'initial states h', state);
    checkShape(c, 'initial states c', state);
    if (cell === 'gru' && c !== null) {
      throw new InvalidArgumentError('A GRU has no state c', { expected: 'null', actual: c.shape });
    }
    const last: ValueSpec = { dtype: 'float32', shape: state };
    const outputs: ValueSpec[] = [{ dtype: 'float32', shape: [time, directions, batch, hiddenSize] }, last];
    return cell === 'lstm' ? [...outputs, last] : outputs;
  },

  evaluate(operator, inputs) {
    const { x, w, r, b, h, c } = named(inputs);
    const { cell, direction, hiddenSize: size } = operator;
    const [time, batch, inputSize] = x.shape as [number, number, number];
    const directions = direction === 'bidirectional' ? 2 : 1;
    const gates = cell === 'lstm' ? 4 : 3;
    const y = newFloats([time, directions, batch, size]);
    const lastH = newFloats([directions, batch, size]);
    const lastC = newFloats([directions, batch, size]);
    for (let d = 0; d < directions; d++) {
      const reverse = direction === 'reverse' || d === 1;
      const part = (value: ValueData | null, length: number) =>
        value === null ? null : (value.data.subarray(d * length, (d + 1) * length) as Float32Array);
      const weights: DirectionWeights = {
        w: part(w, gates * size * inputSize)!,
        r: part(r, gates * size * size)!,
        b: part(b, 2 * gates * size) ?? new Float32Array(2 * gates * size),
      };
      for (let sample = 0; sample < batch; sample++) {
        const at = (d * batch + sample) * size;
        const state = { h: new Float64Array(size), c: new Float64Array(size) };
        if (h) state.h.set(h.data.subarray(at, at + size));
        if (c) state.c.set(c.data.subarray(at, at + size));
        for (let step = 0; step < time; step++) {
          const t = reverse ? time - 1 - step : step;
          const from = (t * batch + sample) * inputSize;
          const input = x.data.subarray(from, from + inputSize) as Float32Array;
          (cell === 'lstm' ? stepLstm : stepGru)(operator, weights, input, state);
          y.data.set(state.h, ((t * directions + d) * batch + sample) * size);
        }
        lastH.data.set(state.h, at);
        lastC.data.set(state.c, at);
      }
    }
    return cell === 'lstm' ? [y.value, lastH.value, lastC.value] : [y.value, lastH.value];
  },
};

interface DirectionWeights {
  readonly w: Float32Array;
  readonly r: Float32Array;
  readonly b: Float32Array;
}

interface State {
  readonly h: Float64Array;
  readonly c: Float64Array;
}

/** `matrix[row, :] . vector` */
function dot(matrix: Float32Array, row: number, vector: Float32Array | Float64Array): number {
  let sum = 0;
  for (let i = 0, at = row * vector.length; i < vector.length; i++) sum += matrix[at + i]! * vector[i]!;
  return sum;
}

function stepLstm(
  { hiddenSize: size }: Recurrent,
  { w, r, b }: DirectionWeights,
  x: Float32Array,
  s: State,
): void {
  const gates = new Float64Array(4 * size);
  for (let i = 0; i < 4 * size; i++) gates[i] = dot(w, i, x) + dot(r, i, s.h) + b[i]! + b[4 * size + i]!;
  for (let i = 0; i < size; i++) {
    const [input, output, forget] = [gates[i]!, gates[size + i]!, gates[2 * size + i]!].map(sigmoid);
    s.c[i] = forget! * s.c[i]! + input! * Math.tanh(gates[3 * size + i]!);
    s.h[i] = output! * Math.tanh(s.c[i]!);
  }
}

function stepGru(
  { hiddenSize: size, linearBeforeReset }: Recurrent,
  { w, r, b }: DirectionWeights,
  x: Float32Array,
  s: State,
): void {
  const recurrentBias = b.subarray(3 * size);
  const gate = (row: number) => sigmoid(dot(w, row, x) + dot(r, row, s.h) + b[row]! + recurrentBias[row]!);
  const update = Float64Array.from({ length: size }, (_, i) => gate(i));
  const reset = Float64Array.from({ length: size }, (_, i) => gate(size + i));
  const remembered = reset.map((factor, i) => factor * s.h[i]!);
  const candidate = update.map((_, i) => {
    const row = 2 * size + i;
    const past = linearBeforeReset
      ? reset[i]! * (dot(r, row, s.h) + recurrentBias[row]!)
      : dot(r, row, remembered) + recurrentBias[row]!;
    return Math.tanh(dot(w, row, x) + past + b[row]!);
  });
  for (let i = 0; i < size; i++) s.h[i] = (1 - update[i]!) * candidate[i]! + update[i]! * s.h[i]!;
}
