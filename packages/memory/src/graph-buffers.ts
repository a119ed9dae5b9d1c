import {
  type DType,
  dtypeByteLength,
  elementCount,
  InvalidArgumentError,
  layerOutputShape,
  type ModelGraph,
  type OwnedTensor,
  type Shape,
  type TensorSpec,
} from '@qedge/core';
import { type ArenaPlan, type BufferLifetime, planArena } from './arena-plan.ts';
import { TensorPool, type TensorPoolOptions } from './tensor-pool.ts';

/** A buffer that running a graph needs, `[maxBatch, ...shape]`, and when. */
export interface GraphBuffer extends TensorSpec, BufferLifetime {}

/** Every buffer that running a graph needs, and one arena that holds them all. */
export interface GraphBufferPlan {
  /** `input` (in parentheses if a layer is called so) first, then one per layer that writes its output, named like the layer. */
  readonly buffers: readonly GraphBuffer[];
  readonly arena: ArenaPlan;
}

/** In parentheses when a layer has that name already. */
const INPUT_NAME = 'input';
const ACTIVATION_DTYPE: DType = 'float32';

/**
 * Derives from a graph's shapes the float32 buffers that running it needs and how long each lives. Step 0 writes the input, step
 * `i + 1` runs layer `i`: it reads the buffer before it and writes its own. `flatten` moves nothing and has no buffer. The last
 * buffer is read by the caller, one step after the last layer.
 *
 * @param maxBatch samples per run, an integer >= 1.
 * @throws InvalidArgumentError for an impossible batch or a layer that does not fit its input.
 */
export function planFromGraph(graph: ModelGraph, maxBatch: number): GraphBufferPlan {
  if (!Number.isSafeInteger(maxBatch) || maxBatch < 1) {
    throw new InvalidArgumentError('A batch size is out of range', {
      expected: 'an integer >= 1',
      actual: maxBatch,
    });
  }
  const buffers = [makeBuffer(uniqueInputName(graph), [maxBatch, ...graph.inputShape], 0)];
  let shape: Shape = graph.inputShape;
  for (const [index, layer] of graph.layers.entries()) {
    shape = layerOutputShape(layer, shape);
    if (layer.kind === 'flatten') continue;
    const step = index + 1;
    const previous = buffers.at(-1)!;
    buffers[buffers.length - 1] = { ...previous, lastUse: step };
    buffers.push(makeBuffer(layer.name, [maxBatch, ...shape], step));
  }
  const last = buffers.at(-1)!;
  buffers[buffers.length - 1] = { ...last, lastUse: graph.layers.length + 1 };
  return { buffers, arena: planArena(buffers) };
}

/**
 * A pool that already holds what running `graph` needs: acquiring each layer's output while its input is in use, and giving the
 * input back afterwards, allocates nothing. The caller owns the pool.
 *
 * @throws what {@link planFromGraph} throws; BudgetExceededError when the limits in `options` are too small.
 */
export function poolForGraph(graph: ModelGraph, maxBatch: number, options?: TensorPoolOptions): TensorPool {
  const { buffers } = planFromGraph(graph, maxBatch);
  const pool = new TensorPool(options);
  // A dry run leaves exactly the buffers that the real one needs.
  let previous: OwnedTensor | null = null;
  for (const { dtype, shape } of buffers) {
    const tensor = pool.acquire(dtype, shape);
    previous?.dispose();
    previous = tensor;
  }
  previous?.dispose();
  return pool;
}

function makeBuffer(name: string, shape: Shape, step: number): GraphBuffer {
  const byteLength = dtypeByteLength(ACTIVATION_DTYPE, elementCount(shape));
  return { name, dtype: ACTIVATION_DTYPE, shape, byteLength, firstUse: step, lastUse: step };
}

function uniqueInputName(graph: ModelGraph): string {
  const taken = new Set(graph.layers.map((layer) => layer.name));
  let name = INPUT_NAME;
  while (taken.has(name)) name = `(${name})`;
  return name;
}
