import type { BufferLifetime } from '../src/index.ts';

// The strategies of other runtimes, written from their sources and apart from ours, and lifetimes of network shapes.

const ALIGNMENT = 64;
const align = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

interface Allocation extends BufferLifetime {
  readonly offset: number;
}

/** TensorFlow Lite: `ArenaPlanner::CreateTensorAllocationVector` and `SimpleMemoryArena::Allocate`. */
export function planLikeTfLite(buffers: readonly BufferLifetime[]): number {
  const begin = Math.min(...buffers.map((buffer) => buffer.firstUse));
  const end = Math.max(...buffers.map((buffer) => buffer.lastUse));
  const isThroughout = (buffer: BufferLifetime) => buffer.firstUse === begin && buffer.lastUse === end;
  const order = [...buffers].sort((a, b) => {
    if (isThroughout(a) !== isThroughout(b)) return isThroughout(a) ? -1 : 1;
    if (a.byteLength !== b.byteLength) return b.byteLength - a.byteLength;
    return a.firstUse - b.firstUse;
  });
  const allocations: Allocation[] = [];
  for (const buffer of order) {
    let current = 0;
    let bestFit = Number.POSITIVE_INFINITY;
    let best: number | null = null;
    for (const other of allocations) {
      if (other.lastUse < buffer.firstUse || other.firstUse > buffer.lastUse) continue;
      if (current + align(buffer.byteLength) <= other.offset && other.offset - current < bestFit) {
        best = current;
        bestFit = other.offset - current;
      }
      current = Math.max(current, other.offset + align(other.byteLength));
    }
    insert(allocations, { ...buffer, offset: best ?? current });
  }
  return heightOf(allocations);
}

/** TensorFlow Lite Micro: `GreedyMemoryPlanner`, largest first into the first gap. */
export function planLikeTfLiteMicro(buffers: readonly BufferLifetime[]): number {
  const allocations: Allocation[] = [];
  for (const buffer of [...buffers].sort((a, b) => b.byteLength - a.byteLength)) {
    let candidate = 0;
    for (const other of allocations) {
      if (other.lastUse < buffer.firstUse || other.firstUse > buffer.lastUse) continue;
      if (other.offset - candidate >= align(buffer.byteLength)) break;
      candidate = Math.max(candidate, other.offset + align(other.byteLength));
    }
    insert(allocations, { ...buffer, offset: candidate });
  }
  return heightOf(allocations);
}

/** ONNX Runtime: `MemPatternPlanner::TraceAllocation` and `TraceFree`, in the order of execution. */
export function planLikeOnnxRuntime(buffers: readonly BufferLifetime[]): number {
  let live: Allocation[] = [];
  let bufferSize = 0;
  for (const buffer of [...buffers].sort((a, b) => a.firstUse - b.firstUse)) {
    live = live.filter((other) => other.lastUse >= buffer.firstUse);
    const size = align(buffer.byteLength);
    let current = 0;
    let waste = Number.POSITIVE_INFINITY;
    const last = live.at(-1);
    let best = last ? last.offset + align(last.byteLength) : 0;
    for (const other of live) {
      const gap = other.offset - current;
      if (gap >= size && gap - size < waste) {
        waste = gap - size;
        best = current;
      }
      current = other.offset + align(other.byteLength);
    }
    const gap = bufferSize - current;
    if (gap >= size && gap - size < waste) best = current;
    insert(live, { ...buffer, offset: best });
    bufferSize = Math.max(bufferSize, best + size);
  }
  return bufferSize;
}

function insert(allocations: Allocation[], allocation: Allocation): void {
  const at = allocations.findIndex((other) => other.offset > allocation.offset);
  allocations.splice(at < 0 ? allocations.length : at, 0, allocation);
}

function heightOf(allocations: readonly Allocation[]): number {
  return Math.max(0, ...allocations.map(({ offset, byteLength }) => offset + align(byteLength)));
}

/** Steps of a network, each of which reads values and writes one of so many floats; the last value is read once more. */
class NetworkShape {
  readonly #values: { elements: number; firstUse: number; lastUse: number }[] = [];

  step(elements: number, ...inputs: number[]): number {
    const step = this.#values.length;
    for (const input of inputs) this.#values[input]!.lastUse = step;
    this.#values.push({ elements, firstUse: step, lastUse: step });
    return step;
  }

  lifetimes(): BufferLifetime[] {
    this.#values.at(-1)!.lastUse++;
    return this.#values.map(({ elements, firstUse, lastUse }, index) => {
      return { name: `value ${index}`, byteLength: 4 * elements, firstUse, lastUse };
    });
  }
}

/** MobileNet v1, 224 x 224: depthwise and pointwise convolutions in a chain. */
function mobileNet(): BufferLifetime[] {
  const shape = new NetworkShape();
  let value = shape.step(112 * 112 * 32, shape.step(224 * 224 * 3));
  const widths = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024];
  let [size, channels] = [112, 32];
  for (const [index, width] of widths.entries()) {
    if ([1, 3, 5, 11].includes(index)) size /= 2;
    value = shape.step(size * size * channels, value);
    channels = width;
    value = shape.step(size * size * channels, value);
  }
  shape.step(1000, shape.step(1024, value));
  return shape.lifetimes();
}

/** ResNet-50: bottlenecks with a shortcut around them. */
function residualNetwork(): BufferLifetime[] {
  const shape = new NetworkShape();
  let value = shape.step(56 * 56 * 64, shape.step(112 * 112 * 64, shape.step(224 * 224 * 3)));
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    const size = 56 / 2 ** stage;
    const width = 64 * 2 ** stage;
    for (let block = 0; block < blocks; block++) {
      const shortcut = block === 0 ? shape.step(size * size * width * 4, value) : value;
      let inner = shape.step(size * size * width, value);
      inner = shape.step(size * size * width, inner);
      inner = shape.step(size * size * width * 4, inner);
      value = shape.step(size * size * width * 4, inner, shortcut);
    }
  }
  shape.step(1000, shape.step(2048, value));
  return shape.lifetimes();
}

/** DenseNet: each step reads all before it in its block. */
function denseNetwork(): BufferLifetime[] {
  const shape = new NetworkShape();
  let value = shape.step(56 * 56 * 64, shape.step(224 * 224 * 3));
  for (const [stage, layers] of [6, 12, 24, 16].entries()) {
    const size = 56 / 2 ** stage;
    const values = [value];
    for (let layer = 0; layer < layers; layer++) {
      const bottleneck = shape.step(size * size * 128, ...values);
      values.push(shape.step(size * size * 32, bottleneck));
    }
    value = shape.step((size / 2) ** 2 * (64 + 16 * layers), ...values);
  }
  shape.step(1000, value);
  return shape.lifetimes();
}

/** U-Net: every level of the way down is read again on the way up. */
function uNet(): BufferLifetime[] {
  const shape = new NetworkShape();
  let value = shape.step(256 * 256 * 3);
  const levels: number[] = [];
  for (let level = 0; level < 5; level++) {
    const elements = (256 / 2 ** level) ** 2 * 32 * 2 ** level;
    value = shape.step(elements, shape.step(elements, value));
    if (level < 4) {
      levels.push(value);
      value = shape.step(elements / 4, value);
    }
  }
  for (let level = 3; level >= 0; level--) {
    const elements = (256 / 2 ** level) ** 2 * 32 * 2 ** level;
    const joined = shape.step(2 * elements, shape.step(elements, value), levels[level]!);
    value = shape.step(elements, shape.step(elements, joined));
  }
  shape.step(256 * 256 * 2, value);
  return shape.lifetimes();
}

/** A transformer encoder's layers: attention with separate heads and a feed-forward network, each with a shortcut. */
function transformer(): BufferLifetime[] {
  const shape = new NetworkShape();
  const [tokens, width, heads] = [128, 384, 12];
  let value = shape.step(tokens * width, shape.step(tokens));
  for (let layer = 0; layer < 6; layer++) {
    const [q, k, v] = [0, 1, 2].map(() => shape.step(tokens * width, value)) as [number, number, number];
    const scores = shape.step(heads * tokens * tokens, q, k);
    const mixed = shape.step(tokens * width, shape.step(heads * tokens * tokens, scores), v);
    const attended = shape.step(tokens * width, shape.step(tokens * width, mixed), value);
    const inner = shape.step(tokens * width * 4, attended);
    value = shape.step(
      tokens * width,
      shape.step(tokens * width, shape.step(tokens * width * 4, inner)),
      attended,
    );
  }
  shape.step(width, value);
  return shape.lifetimes();
}

/** Lifetimes of values, by network. */
export const networks: Readonly<Record<string, readonly BufferLifetime[]>> = {
  mobileNet: mobileNet(),
  residualNetwork: residualNetwork(),
  denseNetwork: denseNetwork(),
  uNet: uNet(),
  transformer: transformer(),
};
