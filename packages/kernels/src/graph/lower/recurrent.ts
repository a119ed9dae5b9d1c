import type { PointwiseExpression, PointwiseFunction } from '@qedge/core';
import type { KernelSteps } from '../../engine/binding.ts';
import { copySteps, fillSteps } from '../../engine/copy.ts';
import { gemmSteps } from '../../engine/gemm.ts';
import { PackedMatrix } from '../../engine/packed-matrix.ts';
import type { GraphValue } from './graph-values.ts';
import { inputOf, type Lowering } from './lowering.ts';
import { pointwiseSteps, type StridedFloats, stridedPointwiseSteps } from './pointwise.ts';

type Node = Lowering<'recurrent'>;

const input = (index: number): PointwiseExpression => ({ input: index });
const apply = (kind: 'sigmoid' | 'tanh', to: PointwiseExpression): PointwiseExpression => {
  return { apply: { kind } as PointwiseFunction, to };
};
const multiply = (a: PointwiseExpression, b: PointwiseExpression): PointwiseExpression => {
  return { operation: 'multiply', a, b };
};
const add = (a: PointwiseExpression, b: PointwiseExpression): PointwiseExpression => {
  return { operation: 'add', a, b };
};

/** `c = sigmoid(f) * c + sigmoid(i) * tanh(g)` in the inputs i, f, g, c. */
const LSTM_CELL = add(
  multiply(apply('sigmoid', input(1)), input(3)),
  multiply(apply('sigmoid', input(0)), apply('tanh', input(2))),
);

/** `h = sigmoid(o) * tanh(c)` in the inputs o, c. */
const LSTM_STATE = multiply(apply('sigmoid', input(0)), apply('tanh', input(1)));

/** `n = tanh(x + sigmoid(r) * y)` in the inputs r, x, y. */
const GRU_CANDIDATE = apply('tanh', add(input(1), multiply(apply('sigmoid', input(0)), input(2))));

/** `h = n + sigmoid(z) * (h - n)` in the inputs z, n, h. */
const GRU_STATE = add(
  input(1),
  multiply(apply('sigmoid', input(0)), { operation: 'subtract', a: input(2), b: input(1) }),
);

const RESET = multiply(apply('sigmoid', input(0)), input(1));
const TANH = apply('tanh', input(0));

/**
 * Per direction: the products of all inputs with their weights at once, then per step the product with the state, added to them, and the
 * gates. The state is written where the output wants it, and read there by the next step.
 */
export function lowerRecurrent(node: Node): KernelSteps {
  const { direction } = node.operator;
  if (node.precision !== 'float32') node.report('float32', 'a recurrent layer');
  const directions = direction === 'bidirectional' ? [false, true] : [direction === 'reverse'];
  return directions.flatMap((reverse, index) => {
    return node.context.arena.reuse(() => new RecurrentDirection(node, index, reverse).steps());
  });
}

/** Added-up biases of one direction, one per gate and unit. */
interface Biases {
  /** Of the products of the inputs. */
  readonly before: Float32Array;
  /** Of the product of the state, in a GRU whose state is reset after it: 0 but for the candidate. */
  readonly late: Float32Array | null;
  readonly steps: KernelSteps;
}

class RecurrentDirection {
  readonly #node: Node;
  readonly #index: number;
  readonly #reverse: boolean;
  readonly #time: number;
  readonly #batch: number;
  readonly #size: number;
  readonly #gates: number;
  /** Of every step: `[time, batch, gates * size]`. */
  readonly #sums: Float32Array;
  readonly #biases: Biases | null;

  constructor(node: Node, index: number, reverse: boolean) {
    this.#node = node;
    this.#index = index;
    this.#reverse = reverse;
    [this.#time, this.#batch] = inputOf(node, 0).shape as [number, number, number];
    this.#size = node.operator.hiddenSize;
    this.#gates = node.operator.cell === 'lstm' ? 4 : 3;
    this.#sums = this.#temporary(this.#time * this.#batch * this.#gates * this.#size);
    this.#biases = this.#sumBiases();
  }

  steps(): KernelSteps {
    const { outputs, operator } = this.#node;
    const [y, lastH, lastC] = outputs;
    const { steps, state } = operator.cell === 'lstm' ? this.#lstm() : this.#gru();
    const finish = (target: GraphValue | undefined, source: Float32Array) => {
      return target === undefined ? [] : this.#copy(source, this.#ofDirection(target, this.#stateLength));
    };
    const last = this.#reverse ? 0 : this.#time - 1;
    const h = this.#time === 0 ? this.#initial(5).state : this.#outputAt(y!, last);
    return [...this.#inputSums(), ...steps, ...finish(lastH, h), ...finish(lastC, state)];
  }

  get #stateLength(): number {
    return this.#batch * this.#size;
  }

  #inputSums(): KernelSteps {
    const { context } = this.#node;
    const [x, w] = [inputOf(this.#node, 0), inputOf(this.#node, 1)];
    const [m, n, k] = [this.#time * this.#batch, this.#gates * this.#size, x.shape[2]!];
    if (m === 0) return [];
    const bias = this.#biases;
    const product = gemmSteps(context, {
      ...{ m, n, k, a: x.floats, c: this.#sums, ...(bias ? { bias: bias.before } : {}) },
      ...this.#weights(w, n, k),
    });
    return [...(bias?.steps ?? []), ...product];
  }

  #weights(value: GraphValue, n: number, k: number) {
    const { context } = this.#node;
    const part = (all: Float32Array) => all.subarray(this.#index * n * k, (this.#index + 1) * n * k);
    if (!value.isConstant || n === 0 || k === 0) return { b: part(value.floats), transposeB: true };
    const named = {
      name: `${value.name} direction ${this.#index}`,
      load: () => part(value.load() as Float32Array),
    };
    return { b: PackedMatrix.pack(context, { k, n, b: named, transposeB: true }) };
  }

  /** Constants are added up here, others when the layer runs. */
  #sumBiases(): Biases | null {
    const value = this.#node.inputs[3] ?? null;
    if (value === null) return null;
    const { context, operator } = this.#node;
    const length = this.#gates * this.#size;
    const isLate = operator.cell === 'gru' && operator.linearBeforeReset;
    const added = isLate ? 2 * this.#size : length;
    const all = value.isConstant ? (value.load() as Float32Array) : value.floats;
    const ofInputs = all.subarray(this.#index * 2 * length, (this.#index * 2 + 1) * length);
    const ofStates = all.subarray((this.#index * 2 + 1) * length, (this.#index + 1) * 2 * length);
    const before = context.arena.array(Float32Array, length, 'a bias');
    const late = isLate ? context.arena.array(Float32Array, length, 'a bias') : null;
    if (value.isConstant) {
      before.set(ofInputs);
      for (let i = 0; i < added; i++) before[i]! += ofStates[i]!;
      late?.set(ofStates.subarray(added), added);
      return { before, late, steps: [] };
    }
    const part = (data: Float32Array) => ({ shape: [added], data: data.subarray(0, added) });
    const sums = pointwiseSteps(
      context,
      add(input(0), input(1)),
      [part(ofInputs), part(ofStates)],
      part(before),
    );
    if (late === null) return { before, late, steps: sums };
    const copies = [
      ...this.#copy(ofInputs.subarray(added), before.subarray(added)),
      ...this.#copy(ofStates.subarray(added), late.subarray(added)),
    ];
    return { before, late, steps: [...sums, ...copies] };
  }

  #lstm(): { readonly steps: KernelSteps; readonly state: Float32Array } {
    const first = this.#initial(5);
    const cell = this.#initial(6);
    const c = this.#temporary(this.#stateLength);
    const n = this.#gates * this.#size;
    const weights = this.#weights(inputOf(this.#node, 2), n, this.#size);
    const place = this.#dense(c);
    const steps = this.#order().flatMap((step, turn) => {
      const sums = this.#sumsAt(step);
      const [i, o, f, g] = [0, 1, 2, 3].map((gate) => this.#gate(sums, gate)) as [Gate, Gate, Gate, Gate];
      const { state, output } = this.#statesAround(step, turn, first.state);
      return [
        ...this.#product(this.#size, state, weights, { data: sums, rowStride: n }, n, 1),
        ...this.#map(LSTM_CELL, [i, f, g, turn === 0 ? this.#dense(cell.state) : place], place),
        ...this.#map(LSTM_STATE, [o, place], output),
      ];
    });
    return { steps: [...first.steps, ...cell.steps, ...steps], state: this.#time === 0 ? cell.state : c };
  }

  #gru(): { readonly steps: KernelSteps; readonly state: Float32Array } {
    const { linearBeforeReset } = this.#node.operator;
    const first = this.#initial(5);
    const candidate = this.#temporary(this.#stateLength);
    const r = inputOf(this.#node, 2);
    const turn = linearBeforeReset ? this.#lateReset(r) : this.#earlyReset(r);
    const steps = this.#order().flatMap((step, index) => {
      const sums = this.#sumsAt(step);
      const { state, output } = this.#statesAround(step, index, first.state);
      return [
        ...turn(sums, state, candidate),
        ...this.#map(GRU_STATE, [this.#gate(sums, 0), this.#dense(candidate), state], output),
      ];
    });
    return { steps: [...first.steps, ...steps], state: first.state };
  }

  /** `n = tanh(x + sigmoid(r) * (R h + b))`: one product of the state for all gates. */
  #lateReset(recurrence: GraphValue) {
    const n = this.#gates * this.#size;
    const weights = this.#weights(recurrence, n, this.#size);
    const products = this.#temporary(this.#batch * n);
    const late = this.#biases?.late;
    const operands = { ...weights, ...(late ? { bias: late } : {}) };
    const gate = (index: number) => this.#gate(products, index);
    return (sums: Float32Array, state: StridedFloats, candidate: Float32Array): KernelSteps => [
      ...this.#product(this.#size, state, operands, { data: products, rowStride: n }, n, 0),
      ...this.#map(add(input(0), input(1)), [this.#gate(sums, 0), gate(0)], this.#gate(sums, 0)),
      ...this.#map(add(input(0), input(1)), [this.#gate(sums, 1), gate(1)], this.#gate(sums, 1)),
      ...this.#map(
        GRU_CANDIDATE,
        [this.#gate(sums, 1), this.#gate(sums, 2), gate(2)],
        this.#dense(candidate),
      ),
    ];
  }

  /** `n = tanh(x + R (sigmoid(r) * h))`: the candidate has a product of its own. */
  #earlyReset(recurrence: GraphValue) {
    const size = this.#size;
    const n = this.#gates * size;
    const part = (from: number, count: number, name: string) => {
      const start = (this.#index * n + from) * size;
      const cut = (all: Float32Array) => all.subarray(start, start + count * size);
      const { context } = this.#node;
      if (!recurrence.isConstant) return { b: cut(recurrence.floats), transposeB: true };
      const named = {
        name: `${recurrence.name} direction ${this.#index} ${name}`,
        load: () => cut(recurrence.load() as Float32Array),
      };
      return { b: PackedMatrix.pack(context, { k: size, n: count, b: named, transposeB: true }) };
    };
    const [gates, last] = [part(0, 2 * size, 'gates'), part(2 * size, size, 'candidate')];
    const reset = this.#dense(this.#temporary(this.#stateLength));
    return (sums: Float32Array, state: StridedFloats, candidate: Float32Array): KernelSteps => [
      ...this.#product(size, state, gates, { data: sums, rowStride: n }, 2 * size, 1),
      ...this.#map(RESET, [this.#gate(sums, 1), state], reset),
      ...this.#product(size, reset, last, { data: sums.subarray(2 * size), rowStride: n }, size, 1),
      ...this.#map(TANH, [this.#gate(sums, 2)], this.#dense(candidate)),
    ];
  }

  /** The state before the first step. */
  #initial(index: number): { readonly state: Float32Array; readonly steps: KernelSteps } {
    const given = this.#node.inputs[index] ?? null;
    if (given !== null) return { state: this.#ofDirection(given, this.#stateLength), steps: [] };
    const state = this.#temporary(this.#stateLength);
    const zeros = { sizes: [state.length], output: { data: state }, value: 0 };
    return { state, steps: fillSteps(this.#node.context, zeros) };
  }

  #order(): number[] {
    return Array.from({ length: this.#time }, (_, turn) => (this.#reverse ? this.#time - 1 - turn : turn));
  }

  #statesAround(step: number, turn: number, first: Float32Array) {
    const y = this.#node.outputs[0]!;
    const before = this.#outputAt(y, this.#reverse ? step + 1 : step - 1);
    return {
      state: this.#dense(turn === 0 ? first : before),
      output: this.#dense(this.#outputAt(y, step)),
    };
  }

  #outputAt(y: GraphValue, step: number): Float32Array {
    const start = (step * y.shape[1]! + this.#index) * this.#stateLength;
    return y.floats.subarray(start, start + this.#stateLength);
  }

  #ofDirection(value: GraphValue, length: number): Float32Array {
    return value.floats.subarray(this.#index * length, (this.#index + 1) * length);
  }

  #sumsAt(step: number): Float32Array {
    const length = this.#batch * this.#gates * this.#size;
    return this.#sums.subarray(step * length, (step + 1) * length);
  }

  #gate(sums: Float32Array, gate: number): Gate {
    return { data: sums.subarray(gate * this.#size), strides: [this.#gates * this.#size, 1] };
  }

  #dense(data: Float32Array): StridedFloats {
    return { data, strides: [this.#size, 1] };
  }

  #product(
    k: number,
    a: StridedFloats,
    weights: Pick<Parameters<typeof gemmSteps>[1], 'b' | 'transposeB' | 'bias'>,
    c: { readonly data: Float32Array; readonly rowStride: number },
    n: number,
    beta: 0 | 1,
  ): KernelSteps {
    const left = { data: a.data, rowStride: a.strides[0]! };
    return gemmSteps(this.#node.context, { m: this.#batch, n, k, a: left, c, beta, ...weights });
  }

  #map(
    expression: PointwiseExpression,
    inputs: readonly StridedFloats[],
    output: StridedFloats,
  ): KernelSteps {
    const sizes = [this.#batch, this.#size];
    return stridedPointwiseSteps(this.#node.context, expression, sizes, inputs, output);
  }

  #copy(from: Float32Array, to: Float32Array): KernelSteps {
    return copySteps(this.#node.context, {
      sizes: [from.length],
      input: { data: from },
      output: { data: to },
    });
  }

  #temporary(length: number): Float32Array {
    return this.#node.context.arena.temporaryArray(Float32Array, length, 'a recurrent layer');
  }
}

type Gate = StridedFloats;
