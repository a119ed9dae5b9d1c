import { ADAM_UPDATE_ARGUMENTS } from '@qedge/codegen';
import type { NamedTensorMap, Tensor, Variable } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs-device.ts';
import { areFloats } from './accelerated-kernel.ts';
import type { KernelRunner } from './kernel-runner.ts';
import type { Program } from './program.ts';
import { ProgramBuilder } from './program-builder.ts';
import { operandAt } from './scratch-layout.ts';

/** What `AdamOptimizer` holds, which its declarations call private. */
interface AdamState {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly accBeta1: Variable;
  readonly accBeta2: Variable;
  readonly accumulatedFirstMoment: OptimizerVariable[];
  readonly accumulatedSecondMoment: OptimizerVariable[];
  incrementIterations(): void;
}

interface OptimizerVariable {
  readonly originalName: string;
  readonly variable: Variable;
}

type Gradients = NamedTensorMap | { readonly name: string; readonly tensor: Tensor }[];
type ApplyGradients = (this: AdamState, gradients: Gradients) => void;

/** Square roots and quotients, in operations of `worthwhileThreads`. */
const ADAM_OPERATIONS = 80;

/**
 * Steps of Adam as one pass over parameters and moments, where stock tfjs makes fourteen. Moments that no other tensor shares are
 * updated where they lie; parameters get new data, because what was computed from data may be kept for as long as they live.
 */
export class OptimizerPatch {
  /** Steps of optimizers that were served, and those that went to the stock code. */
  served = 0;
  passed = 0;
  readonly #tf: Tensorflow;
  readonly #runner: KernelRunner;
  readonly #prototype: { applyGradients: ApplyGradients };
  readonly #stock: ApplyGradients;

  constructor(tf: Tensorflow, runner: KernelRunner) {
    this.#tf = tf;
    this.#runner = runner;
    this.#prototype = tf.AdamOptimizer.prototype as unknown as { applyGradients: ApplyGradients };
    const stock = this.#prototype.applyGradients;
    this.#stock = stock;
    const patch = this;
    this.#prototype.applyGradients = function (gradients) {
      if (patch.#apply(this, gradients)) patch.served += 1;
      else {
        patch.passed += 1;
        stock.call(this, gradients);
      }
    };
  }

  dispose(): void {
    this.#prototype.applyGradients = this.#stock;
  }

  /** @returns false where nothing was done. */
  #apply(state: AdamState, gradients: Gradients): boolean {
    if ((this.#tf.backend() as unknown) !== this.#runner.backend) return false;
    const names = Array.isArray(gradients) ? gradients.map(({ name }) => name) : Object.keys(gradients);
    const { registeredVariables } = this.#tf.engine();
    const updates: { value: Variable; gradient: Tensor; program: Program; index: number }[] = [];
    for (const [index, name] of names.entries()) {
      const value = registeredVariables[name]!;
      const gradient = Array.isArray(gradients) ? gradients[index]!.tensor : gradients[name];
      if (gradient === null || gradient === undefined) continue;
      if (!areFloats(value, gradient) || value.size !== gradient.size) return false;
      const program = this.#program(state, value.size);
      if (program === null) return false;
      updates.push({ value, gradient, program, index });
    }
    this.#createMoments(state, names);
    const [power1, power2] = [state.accBeta1, state.accBeta2].map((power) => this.#runner.floats(power)[0]!);
    const scales = [state.learningRate / (1 - power1!), 1 / (1 - power2!)];
    for (const { value, gradient, program, index } of updates) {
      const first = state.accumulatedFirstMoment[index]!.variable;
      const second = state.accumulatedSecondMoment[index]!.variable;
      this.#update(program, scales, value, gradient, first, second);
    }
    this.#assign(state.accBeta1, power1! * state.beta1);
    this.#assign(state.accBeta2, power2! * state.beta2);
    state.incrementIterations();
    return true;
  }

  #program({ beta1, beta2, epsilon }: AdamState, length: number): Program | null {
    return this.#runner.program(`adam ${length} ${beta1} ${beta2} ${epsilon}`, () =>
      new ProgramBuilder(this.#runner)
        .divided(length, length * ADAM_OPERATIONS, 16, (from, count) => ({
          description: { kind: 'adam-update', length: count, beta1, beta2, epsilon },
          fields: {
            ...Object.fromEntries(
              ADAM_OPERANDS.map((name, i) => [ADAM_UPDATE_ARGUMENTS[name], operandAt(i, from * 4)]),
            ),
            [ADAM_UPDATE_ARGUMENTS.firstScale]: { scalar: 0 },
            [ADAM_UPDATE_ARGUMENTS.secondScale]: { scalar: 1 },
          },
        }))
        .plan(),
    );
  }

  /** As the stock code makes them. */
  #createMoments({ accumulatedFirstMoment, accumulatedSecondMoment }: AdamState, names: string[]): void {
    const tf = this.#tf;
    for (const [index, name] of names.entries()) {
      const value = tf.engine().registeredVariables[name]!;
      for (const [moments, suffix] of [
        [accumulatedFirstMoment, 'm'],
        [accumulatedSecondMoment, 'v'],
      ] as const) {
        moments[index] ??= {
          originalName: `${name}/${suffix}`,
          variable: tf.tidy(() => tf.variable(tf.zerosLike(value), false)),
        };
      }
    }
  }

  #update(
    program: Program,
    scales: readonly number[],
    value: Variable,
    gradient: Tensor,
    first: Variable,
    second: Variable,
  ): void {
    const { backend } = this.#runner;
    const isShared = [first, second].some(({ dataId }) => backend.refCount(dataId) !== 1);
    const newValue = this.#runner.output(value.shape);
    const newFirst = isShared ? this.#runner.output(value.shape) : first;
    const newSecond = isShared ? this.#runner.output(value.shape) : second;
    this.#runner.run(program, [value, gradient, first, second, newValue, newFirst, newSecond], scales);
    this.#replace(value, newValue);
    if (!isShared) return;
    this.#replace(first, newFirst);
    this.#replace(second, newSecond);
  }

  #assign(variable: Variable, value: number): void {
    this.#replace(
      variable,
      this.#runner.backend.makeOutput(variable.shape, 'float32', undefined, Float32Array.of(value)),
    );
  }

  /** The variable takes the data over, without a copy. */
  #replace(
    variable: Variable,
    { dataId, shape }: { readonly dataId: object; readonly shape: readonly number[] },
  ): void {
    const engine = this.#tf.engine();
    const tensor = engine.makeTensorFromDataId(dataId, [...shape], 'float32');
    variable.assign(tensor);
    tensor.dispose();
  }
}

/** The operands of a program, in order. */
const ADAM_OPERANDS = [
  'value',
  'gradient',
  'first',
  'second',
  'newValue',
  'newFirst',
  'newSecond',
] as const satisfies readonly (keyof typeof ADAM_UPDATE_ARGUMENTS)[];
