import { Random } from '@qedge/core';
import {
  compileModule,
  createMemory,
  emitKernel,
  encodeModule,
  type GemmDescription,
  InterpreterTarget,
  instantiateKernels,
  kernelParameterCount,
  type PanelLayout,
  packCodes,
  packFloat32,
  panelLayout,
  referenceEpilogue,
  referenceGemmFloat32,
  referenceGemmInteger,
  referenceQuantize,
  referenceScale,
  type Target,
  type TargetTraits,
  type WasmDialect,
  type WasmFunction,
  WasmTarget,
} from '../src/index.ts';

/** Something that turns an emitted kernel into a call on a memory, whatever the target. */
export interface Backend<Code> {
  readonly name: string;
  target(parameterCount: number): Target<Code>;
  load(code: Code, memory: { readonly buffer: ArrayBufferLike }): (...args: number[]) => void;
}

export function interpreterBackend(traits: TargetTraits): Backend<unknown> {
  return {
    name: `interpreter ${traits.id}`,
    target: (parameterCount) => new InterpreterTarget(traits, parameterCount),
    load: (code, memory) => (code as ReturnType<InterpreterTarget['finish']>)(memory.buffer),
  };
}

export function wasmBackend(dialect: WasmDialect): Backend<unknown> {
  return {
    name: `wasm ${dialect}`,
    target: (parameterCount) => new WasmTarget(dialect, parameterCount),
    load(code, memory) {
      const bytes = encodeModule([{ name: 'kernel', function: code as WasmFunction }]);
      const kernels = instantiateKernels(compileModule(bytes), memory as ReturnType<typeof createMemory>);
      return kernels.get('kernel')!;
    },
  };
}

export const INTERPRETED_TRAITS: readonly TargetTraits[] = [
  {
    id: 'four-lanes',
    lanes: 4,
    vectors: 15,
    temporaries: { fma: 0, dot: 0 },
    fmaRounding: 'twice',
    hoistsLoads: false,
  },
  {
    id: 'eight-lanes',
    lanes: 8,
    vectors: 16,
    temporaries: { fma: 1, dot: 0 },
    fmaRounding: 'twice',
    hoistsLoads: true,
  },
  {
    id: 'sixteen-lanes',
    lanes: 16,
    vectors: 32,
    temporaries: { fma: 0, dot: 0 },
    fmaRounding: 'twice',
    hoistsLoads: false,
  },
];

// Four of them are 3.4e38 as float32: a value that is read by mistake changes any result.
const GUARD = 0x7f;
const GUARD_BYTES = 64;

/** Lays out byte ranges in a memory with guard bytes around each, so that a write outside is seen. */
class Arena {
  readonly memory = createMemory(1 << 17);
  readonly #ranges: { start: number; end: number }[] = [];
  #top = GUARD_BYTES;

  constructor() {
    new Uint8Array(this.memory.buffer).fill(GUARD);
  }

  place(data: ArrayBufferView): number {
    const start = this.#top;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    new Uint8Array(this.memory.buffer).set(bytes, start);
    this.#ranges.push({ start, end: start + data.byteLength });
    this.#top = start + Math.ceil(data.byteLength / 16) * 16 + GUARD_BYTES;
    return start;
  }

  guardsIntact(): boolean {
    const bytes = new Uint8Array(this.memory.buffer);
    return this.#ranges.every(({ start, end }) => {
      const around = [bytes.subarray(start - GUARD_BYTES, start), bytes.subarray(end, end + GUARD_BYTES)];
      return around.every((guard) => guard.every((byte) => byte === GUARD));
    });
  }
}

export interface GemmOutcome {
  readonly actual: Float32Array;
  readonly expected: Float32Array;
  /** Largest |actual - expected| as a multiple of the unit roundoff times the sum of |a * b|. */
  readonly worstRoundoffs: number;
  readonly guardsIntact: boolean;
}

/** Runs a gemm kernel on random data and computes the same with the reference. */
export function runGemm<Code>(
  backend: Backend<Code>,
  description: GemmDescription,
  rowBlocks: number,
  seed: number,
): GemmOutcome {
  const random = new Random(seed);
  const { elements, depth, columns, epilogue } = description;
  const rows = description.rows * rowBlocks;
  const target = backend.target(kernelParameterCount(description));
  const layout = panelLayout(elements, depth, columns, target.traits.lanes);
  const code = emitKernel(target, description);
  const bias = new Float32Array(layout.paddedColumns).map((_, i) => (i < columns ? random.normal() : 0));
  const scales = new Float32Array(layout.paddedColumns).map((_, i) =>
    i < columns ? 0.01 + random.uniform() : 0,
  );
  const operands =
    elements === 'float32' ? floatOperands(random, layout, rows) : codeOperands(random, layout, rows);
  const arena = new Arena();
  const c = new Float32Array(rows * columns);
  const addresses = [operands.a, operands.b].map((data) => arena.place(data));
  const cAddress = arena.place(c);
  const kernel = backend.load(code, arena.memory);
  kernel(addresses[0]!, addresses[1]!, cAddress, rowBlocks, arena.place(scales), arena.place(bias));
  const expected = operands.expected(scales.subarray(0, columns));
  referenceEpilogue(expected, epilogue.bias ? bias.subarray(0, columns) : null, epilogue.relu);
  const actual = new Float32Array(arena.memory.buffer, cAddress, c.length).slice();
  let worstRoundoffs = 0;
  for (let i = 0; i < actual.length; i++) {
    const magnitude = operands.magnitude(i) + Math.abs(bias[i % columns]!);
    const roundoffs = Math.abs(actual[i]! - expected[i]!) / (magnitude * 2 ** -24);
    // NaN must not pass as small.
    if (!(roundoffs <= worstRoundoffs)) worstRoundoffs = Number.isNaN(roundoffs) ? Infinity : roundoffs;
  }
  return { actual, expected, worstRoundoffs, guardsIntact: arena.guardsIntact() };
}

interface Operands {
  readonly a: ArrayBufferView;
  readonly b: ArrayBufferView;
  /** C before the epilogue, scaled to float32. */
  expected(scales: Float32Array): Float32Array;
  /** sum |a * b| behind element i of C. */
  magnitude(i: number): number;
}

function floatOperands(random: Random, layout: PanelLayout, rows: number): Operands {
  const { depth, columns } = layout;
  const a = new Float32Array(rows * depth).map(() => random.normal());
  const b = new Float32Array(depth * columns).map(() => random.normal());
  const packed = new Float32Array(layout.byteLength / 4);
  packFloat32(layout, b, packed);
  return {
    a,
    b: packed,
    expected() {
      const c = new Float32Array(rows * columns);
      referenceGemmFloat32({ rows, depth, columns }, a, b, c);
      return c;
    },
    magnitude(i) {
      const [row, column] = [Math.floor(i / columns), i % columns];
      let sum = 0;
      for (let k = 0; k < depth; k++) sum += Math.abs(a[row * depth + k]! * b[k * columns + column]!);
      return sum;
    },
  };
}

/** Codes of every size, the extremes among them. */
function codeOperands(random: Random, layout: PanelLayout, rows: number): Operands {
  const { depth, columns, elements, paddedDepth } = layout;
  const limit = elements === 'int8' ? 127 : 7;
  const pick = (low: number, high: number) => {
    const roll = random.integer(8);
    return roll === 0 ? low : roll === 1 ? high : low + random.integer(high - low + 1);
  };
  const codes = new Int16Array(rows * depth).map(() => pick(-255, 255));
  const b = new Int8Array(depth * columns).map(() => pick(-limit - 1, limit));
  const a = new Int16Array(rows * paddedDepth);
  for (let row = 0; row < rows; row++)
    a.set(codes.subarray(row * depth, (row + 1) * depth), row * paddedDepth);
  const packed = new Uint8Array(layout.byteLength);
  packCodes(layout, b, packed);
  return {
    a,
    b: packed,
    expected(scales) {
      const accumulators = new Int32Array(rows * columns);
      referenceGemmInteger({ rows, depth, columns }, codes, b, accumulators);
      const c = new Float32Array(rows * columns);
      referenceScale(accumulators, scales, c);
      return c;
    },
    magnitude: () => 1,
  };
}

/** Runs a quantise kernel and returns its rows beside the reference's, padding included. */
export function runQuantize<Code>(
  backend: Backend<Code>,
  x: Float32Array,
  depth: number,
  scale: number,
  zeroPoint: number,
): { actual: Int16Array; expected: Int16Array; guardsIntact: boolean } {
  const rows = x.length / depth;
  const description = { kind: 'quantize', depth } as const;
  const target = backend.target(kernelParameterCount(description));
  const { lanes } = target.traits;
  const { paddedDepth } = panelLayout('int8', depth, 1, lanes);
  const code = emitKernel(target, description);
  const parameters = new Float32Array(3 * lanes)
    .fill(scale, 0, lanes)
    .fill(-zeroPoint, lanes, 2 * lanes)
    .fill(255 - zeroPoint, 2 * lanes);
  const arena = new Arena();
  const source = arena.place(x);
  const destination = arena.place(new Int16Array(rows * paddedDepth).fill(-1));
  backend.load(code, arena.memory)(source, destination, rows, arena.place(parameters));
  const expected = new Int16Array(rows * paddedDepth);
  for (let row = 0; row < rows; row++) {
    const codes = new Int16Array(depth);
    referenceQuantize(x.subarray(row * depth, (row + 1) * depth), scale, zeroPoint, codes);
    expected.set(codes, row * paddedDepth);
  }
  const actual = new Int16Array(arena.memory.buffer, destination, expected.length).slice();
  return { actual, expected, guardsIntact: arena.guardsIntact() };
}
