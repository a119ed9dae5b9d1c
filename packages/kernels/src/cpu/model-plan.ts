import { ARGUMENT_BYTES, type IntegerWeights, type TargetTraits } from '@qedge/codegen';
import { BudgetExceededError, type Precision } from '@qedge/core';
import { type BufferLifetime, planArena } from '@qedge/memory';
import type { Float32Model, Float32SoftmaxStep } from '../float32-model.ts';
import type { IntegerModel } from '../integer-model.ts';
import type { DenseLayer } from './dense-layer.ts';
import { float32Layer } from './float32-layer.ts';
import { integerLayer } from './integer-layer.ts';
import type { ModelStep } from './model-kernel.ts';
import { softmaxKernel } from './softmax-kernel.ts';

/** A dense layer and where it lies, in bytes from the start of the model's memory. */
export interface PlannedDense {
  readonly kind: 'dense';
  readonly layer: DenseLayer;
  readonly weights: number;
  readonly input: number;
  readonly codes: number;
  readonly output: number;
}

/** Softmax in place. */
export interface PlannedSoftmax {
  readonly kind: 'softmax';
  readonly step: Float32SoftmaxStep;
  readonly values: number;
}

/** A layer in the memory of a model. */
export type PlannedLayer = PlannedDense | PlannedSoftmax;

/** A model laid out in one memory: weights first, then the activations, which share bytes where lifetimes allow. */
export interface ModelPlan {
  readonly layers: readonly PlannedLayer[];
  readonly input: number;
  readonly output: number;
  readonly weightBytes: number;
  readonly bufferBytes: number;
  /** Multiplications and additions per sample. */
  readonly operations: number;
}

/** What a model is laid out for. */
export interface PlanOptions {
  readonly precision: Precision;
  readonly maxBatch: number;
  readonly traits: TargetTraits;
}

const LINE_BYTES = 64;

/** The largest memory that every host has. */
const MAX_MODEL_BYTES = 2 ** 31;

/**
 * Lays out a model for batches of up to `maxBatch`. A pure function: nothing is allocated.
 *
 * @throws BudgetExceededError when weights and buffers exceed 2 GiB.
 */
export function planModel(model: Float32Model | IntegerModel, options: PlanOptions): ModelPlan {
  let weightBytes = 0;
  const planned = model.steps.map((step) => {
    if (step.kind === 'softmax') return step;
    const layer =
      'codes' in step
        ? integerLayer(step, options.precision as IntegerWeights, options)
        : float32Layer(step, options);
    const weights = weightBytes;
    weightBytes += wholeLines(layer.weightBytes);
    return { layer, weights };
  });
  const buffers = planActivations(model, options.maxBatch, (index) => {
    const layer = planned[index]!;
    return 'layer' in layer ? layer.layer.codeBytes : 0;
  });
  const byteLength = weightBytes + buffers.byteLength;
  if (byteLength > MAX_MODEL_BYTES) {
    throw new BudgetExceededError('The model does not fit one memory', {
      expected: `at most ${MAX_MODEL_BYTES} bytes`,
      actual: byteLength,
      remedy: 'Use a smaller maxBatch or a narrower precision.',
    });
  }
  const at = (name: string) => weightBytes + (buffers.offsets.get(name) ?? 0);
  const activation = (index: number) => at(activationName(buffers.inputOf[index]!));
  return {
    layers: planned.map((each, index) => {
      const input = activation(index);
      if (!('layer' in each)) return { kind: 'softmax', step: each, values: input };
      return { kind: 'dense', ...each, input, codes: at(codesName(index)), output: activation(index + 1) };
    }),
    input: activation(0),
    output: activation(model.steps.length),
    weightBytes,
    bufferBytes: buffers.byteLength,
    operations: model.steps.reduce((sum, step) => {
      return sum + (step.kind === 'dense' ? 2 * step.inputSize * step.units : 0);
    }, 0),
  };
}

/**
 * The steps of a layer, cut into at most as many parts as there are threads.
 *
 * @param address of the model's memory.
 */
export function planSteps(planned: PlannedLayer, address: number, threads: number): readonly ModelStep[] {
  if (planned.kind === 'softmax') return [[softmaxKernel(planned.step, address + planned.values)]];
  const { layer, weights, input, codes, output } = planned;
  const places = {
    weights: address + weights,
    input: address + input,
    codes: address + codes,
    output: address + output,
  };
  return layer.steps(places, threads);
}

/** Bytes of the argument blocks of all steps. */
export function argumentBytes({ layers }: ModelPlan, threads: number): number {
  const kernels = layers.flatMap((planned) => planSteps(planned, 0, threads).flat());
  return kernels.reduce((sum, { fields }) => sum + wholeLines(fields.length * ARGUMENT_BYTES), 0);
}

function wholeLines(bytes: number): number {
  return Math.ceil(bytes / LINE_BYTES) * LINE_BYTES;
}

function activationName(index: number): string {
  return `activation ${index}`;
}

function codesName(index: number): string {
  return `codes ${index}`;
}

interface ActivationPlan {
  readonly offsets: ReadonlyMap<string, number>;
  readonly byteLength: number;
  /** The activation that step i reads; one more for the output of the model. */
  readonly inputOf: readonly number[];
}

/** Each dense layer writes a new activation; softmax works in place. The first lives from before step 0. */
function planActivations(
  model: Float32Model | IntegerModel,
  maxBatch: number,
  codeBytesPerRow: (index: number) => number,
): ActivationPlan {
  const buffers: BufferLifetime[] = [];
  const inputOf = [0];
  let size = model.inputSize;
  let firstUse = -1;
  const close = (lastUse: number) => {
    const name = activationName(inputOf.at(-1)!);
    buffers.push({ name, byteLength: size * maxBatch * 4, firstUse, lastUse });
  };
  for (const [index, step] of model.steps.entries()) {
    if (step.kind === 'softmax') {
      inputOf.push(inputOf.at(-1)!);
      continue;
    }
    close(index);
    const byteLength = codeBytesPerRow(index) * maxBatch;
    if (byteLength > 0) buffers.push({ name: codesName(index), byteLength, firstUse: index, lastUse: index });
    inputOf.push(inputOf.at(-1)! + 1);
    size = step.units;
    firstUse = index;
  }
  close(model.steps.length);
  return { ...planArena(buffers, { alignment: LINE_BYTES }), inputOf };
}
