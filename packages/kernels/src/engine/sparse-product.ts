import {
  mostSparseRows,
  packSparseColumns,
  SPARSE_PRODUCT_ARGUMENT_COUNT,
  SPARSE_PRODUCT_ARGUMENTS,
  type SparseProductDescription,
  type SparseSource,
  type SparseStream,
} from '@qedge/codegen';
import {
  type BindingContext,
  blockFields,
  type KernelPart,
  type KernelSteps,
  worthwhileThreads,
} from './binding.ts';
import { copySteps } from './copy.ts';
import { requireVector } from './operands.ts';
import { divide } from './split-work.ts';

/** `c = activation(a * matrix + bias)` with a matrix that is mostly zeros. */
export interface SparseProductRequest {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** `[m, k]`. */
  readonly a: Float32Array;
  /** Finite numbers and bias, `[k, n]`. */
  readonly matrix: SparseSource;
  readonly activation: SparseProductDescription['activation'];
  /** `[m, n]`. */
  readonly c: Float32Array;
}

/** Plans a product whose matrix is kept as its numbers that are not 0. Vectors run along rows: several rows are transposed before and after. */
export function planSparseProduct(context: BindingContext, request: SparseProductRequest): KernelSteps {
  return context.arena.reuse(() => planSteps(context, request));
}

function planSteps(context: BindingContext, request: SparseProductRequest): KernelSteps {
  const { m, n, k, a, c, matrix } = request;
  const { arena } = context;
  const stream = packSparseColumns(matrix, m);
  const place = arena.allocate(stream.bytes.length, 'packed weights');
  new Uint8Array(arena.memory.buffer, place.byteOffset, stream.bytes.length).set(stream.bytes);
  if (m === 1) {
    const x = requireVector(arena, 'a', 'Float32Array', a, k);
    const y = requireVector(arena, 'c', 'Float32Array', c, n);
    return stepsOf(context, request, stream, { x, y, stream: place.address });
  }
  const x = arena.temporaryArray(Float32Array, k * m, 'a sparse product, rows innermost');
  const y = arena.temporaryArray(Float32Array, n * m, 'the result, rows innermost');
  const address = (array: Float32Array) => arena.memory.address + array.byteOffset - arena.memory.byteOffset;
  const places = { x: address(x), y: address(y), stream: place.address };
  return [
    ...copySteps(context, { sizes: [k, m], input: { data: a, strides: [1, k] }, output: { data: x } }),
    ...stepsOf(context, request, stream, places),
    ...copySteps(context, { sizes: [m, n], input: { data: y, strides: [1, m] }, output: { data: c } }),
  ];
}

interface Addresses {
  readonly x: number;
  readonly y: number;
  readonly stream: number;
}

/** Rows by what registers hold, one step after the other, columns by threads. */
function stepsOf(
  context: BindingContext,
  { m, n, k, activation }: SparseProductRequest,
  { bytes, columnOffsets }: SparseStream,
  addresses: Addresses,
): KernelSteps {
  // Eight bytes of the stream for each number.
  const threads = worthwhileThreads(context, (2 * m * bytes.length) / 8);
  const tiles = divide(m, Math.ceil(m / mostSparseRows(context.host.traits)));
  return tiles.map((rows) =>
    divide(n, threads).map((columns): KernelPart => {
      const description: SparseProductDescription = {
        ...{ kind: 'sparse-product', columns: columns.count, depth: k },
        ...{ rows: rows.count, rowStride: m, activation },
      };
      const fields = blockFields(SPARSE_PRODUCT_ARGUMENT_COUNT, {
        [SPARSE_PRODUCT_ARGUMENTS.x]: addresses.x + rows.from * 4,
        [SPARSE_PRODUCT_ARGUMENTS.stream]: addresses.stream + columnOffsets[columns.from]!,
        [SPARSE_PRODUCT_ARGUMENTS.y]: addresses.y + (columns.from * m + rows.from) * 4,
      });
      return { description, fields };
    }),
  );
}
