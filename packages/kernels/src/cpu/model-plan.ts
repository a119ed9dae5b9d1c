import {
  type GemmDescription,
  type GemmElements,
  type KernelDescription,
  maxTileRows,
  type PanelLayout,
  panelLayout,
  type QuantizeDescription,
  type TargetTraits,
  WASM_TRAITS,
  type WasmDialect,
} from '@qedge/codegen';
import { type ActivationQuantization, BudgetExceededError, type Precision } from '@qedge/core';
import { type BufferLifetime, planArena } from '@qedge/memory';
import type { Float32DenseStep, Float32Model, Float32SoftmaxStep, Float32Step } from '../float32-model.ts';
import type { IntegerDenseStep, IntegerModel, IntegerStep } from '../integer-model.ts';

/** Where the operands of one dense layer lie in the arena, as byte addresses, and which kernels compute it. */
export interface DensePlan {
  readonly kind: 'dense';
  readonly step: Float32DenseStep | IntegerDenseStep;
  readonly layout: PanelLayout;
  /** Kernels by rows per tile, 1 row first. */
  readonly gemms: readonly GemmDescription[];
  readonly inputAddress: number;
  readonly outputAddress: number;
  readonly panelsAddress: number;
  readonly scalesAddress: number;
  readonly biasAddress: number;
  /** How the input becomes codes; null at float32. */
  readonly quantize: QuantizePlan | null;
}

/** The conversion of a layer's input into centred codes. */
export interface QuantizePlan {
  readonly description: QuantizeDescription;
  readonly input: ActivationQuantization;
  readonly codesAddress: number;
  readonly parametersAddress: number;
}

/** Softmax in place. */
export interface SoftmaxPlan {
  readonly kind: 'softmax';
  readonly step: Float32SoftmaxStep;
  readonly address: number;
}

/** A model laid out in one memory: weights first, then the activations, which share bytes where lifetimes allow. */
export interface ModelPlan {
  readonly steps: readonly (DensePlan | SoftmaxPlan)[];
  readonly kernels: readonly KernelDescription[];
  readonly inputAddress: number;
  readonly outputAddress: number;
  readonly weightBytes: number;
  readonly bufferBytes: number;
  readonly byteLength: number;
}

const ALIGNMENT = 64;

/** Addresses stay below 2^31, so that JavaScript passes them as small integers, without allocating. */
const MAX_ARENA_BYTES = 2 ** 31;

/**
 * Lays out a model for batches of up to `maxBatch`. A pure function: nothing is allocated.
 *
 * @throws BudgetExceededError when weights and buffers exceed 2 GiB.
 */
export function planModel(
  model: Float32Model | IntegerModel,
  precision: Precision,
  maxBatch: number,
  dialect: WasmDialect,
): ModelPlan {
  const elements: GemmElements = precision === 'int8' || precision === 'int4' ? precision : 'float32';
  const { layers, weightBytes } = planWeights(model, elements, maxBatch, WASM_TRAITS[dialect]);
  const buffers = planActivations(model, maxBatch, (index) => {
    const layer = layers[index]!;
    return layer.kind === 'dense' && elements !== 'float32' ? layer.layout.rowByteLength : 0;
  });
  const byteLength = weightBytes + buffers.byteLength;
  if (byteLength > MAX_ARENA_BYTES) {
    throw new BudgetExceededError('The model does not fit one memory', {
      expected: `at most ${MAX_ARENA_BYTES} bytes`,
      actual: byteLength,
      remedy: 'Use a smaller maxBatch or a narrower precision.',
    });
  }
  const address = (name: string) => weightBytes + buffers.offsets.get(name)!;
  const steps = layers.map((layer, index): DensePlan | SoftmaxPlan => {
    const input = address(activationName(buffers.inputOf[index]!));
    if (layer.kind === 'softmax') return { kind: 'softmax', step: layer, address: input };
    const { parametersAddress, ...dense } = layer;
    const outputAddress = address(activationName(buffers.inputOf[index + 1]!));
    if (!('codes' in layer.step)) return { ...dense, inputAddress: input, outputAddress, quantize: null };
    const description: QuantizeDescription = { kind: 'quantize', depth: layer.step.inputSize };
    const codesAddress = address(codesName(index));
    const quantize = { description, input: layer.step.input, codesAddress, parametersAddress };
    return { ...dense, inputAddress: input, outputAddress, quantize };
  });
  return {
    steps,
    kernels: steps.flatMap((step) =>
      step.kind === 'softmax' ? [] : [...step.gemms, ...(step.quantize ? [step.quantize.description] : [])],
    ),
    inputAddress: address(activationName(0)),
    outputAddress: address(activationName(buffers.inputOf[layers.length]!)),
    weightBytes,
    bufferBytes: buffers.byteLength,
    byteLength,
  };
}

interface WeightPlan {
  readonly layers: readonly (Float32SoftmaxStep | PlannedWeights)[];
  readonly weightBytes: number;
}

/** A dense layer whose weights have their place, but whose activations do not yet. */
interface PlannedWeights
  extends Pick<
    DensePlan,
    'kind' | 'step' | 'layout' | 'gemms' | 'panelsAddress' | 'scalesAddress' | 'biasAddress'
  > {
  readonly parametersAddress: number;
}

/** Weights live as long as the model: one after the other from address 0. */
function planWeights(
  model: Float32Model | IntegerModel,
  elements: GemmElements,
  maxBatch: number,
  traits: TargetTraits,
): WeightPlan {
  let weightBytes = 0;
  const reserve = (byteLength: number) => {
    const address = weightBytes;
    weightBytes += Math.ceil(byteLength / ALIGNMENT) * ALIGNMENT;
    return address;
  };
  const isFloat = elements === 'float32';
  const tallest = Math.min(maxBatch, maxTileRows(elements, traits));
  const layers = (model.steps as readonly (Float32Step | IntegerStep)[]).map((step) => {
    if (step.kind === 'softmax') return step;
    const layout = panelLayout(elements, step.inputSize, step.units, traits.lanes);
    return {
      kind: 'dense' as const,
      step,
      layout,
      gemms: describeGemms(step, elements, tallest),
      panelsAddress: reserve(layout.byteLength),
      scalesAddress: isFloat ? 0 : reserve(layout.paddedColumns * 4),
      biasAddress: step.bias === null ? 0 : reserve(layout.paddedColumns * 4),
      parametersAddress: isFloat ? 0 : reserve(3 * traits.lanes * 4),
    };
  });
  return { layers, weightBytes };
}

function describeGemms(
  step: Float32DenseStep | IntegerDenseStep,
  elements: GemmElements,
  tallest: number,
): GemmDescription[] {
  const epilogue = { bias: step.bias !== null, relu: step.relu };
  const { inputSize: depth, units: columns } = step;
  return Array.from({ length: tallest }, (_, index) => {
    return { kind: 'gemm', elements, rows: index + 1, depth, columns, epilogue };
  });
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
  return { ...planArena(buffers, { alignment: ALIGNMENT }), inputOf };
}
