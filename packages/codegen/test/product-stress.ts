import { Random } from '@qedge/core';
import { loadKoffi } from '@qedge/core/node';
import {
  GEMM_ARGUMENTS,
  type GemmDescription,
  gemmScratchBytes,
  type MatrixLayout,
  NO_EPILOGUE,
  RegisterBudgetError,
  setArgument,
  setFloatArgument,
} from '../src/index.ts';
import { createMachineCodeHost } from '../src/node.ts';
import type { StressReport } from './guard-page-stress.ts';
import { GUARD, GuardedPages } from './guarded-pages.ts';

const PAGES = 32;
const MAX_SIZE = 40;
const CALLS_PER_KERNEL = 20;
const CALLS_PER_COLLECTION = 500;
const FLOAT_BYTES = 4;

type Operand = 'a' | 'b' | 'c' | 'bias' | 'scratch';
const OPERANDS: readonly Operand[] = ['a', 'b', 'c', 'bias', 'scratch'];

/** Whole numbers from `from` to `to`. */
type Integer = (from: number, to: number) => number;

function randomLayout(integer: Integer, rows: number, columns: number): MatrixLayout {
  const padding = integer(0, 3);
  return integer(0, 1) === 0
    ? { rowStride: columns + padding, columnStride: 1, batchStride: 0 }
    : { rowStride: 1, columnStride: rows + padding, batchStride: 0 };
}

function randomProduct(integer: Integer): GemmDescription {
  const [rows, columns, depth] = [integer(1, MAX_SIZE), integer(1, MAX_SIZE), integer(1, MAX_SIZE)];
  return {
    kind: 'gemm',
    batch: 1,
    rows,
    columns,
    depth,
    a: randomLayout(integer, rows, depth),
    b: { packed: false, ...randomLayout(integer, depth, columns) },
    c: randomLayout(integer, rows, columns),
    alpha: integer(0, 1) === 0 ? 'one' : 'argument',
    beta: (['zero', 'one', 'argument'] as const)[integer(0, 2)]!,
    epilogue: {
      ...NO_EPILOGUE,
      bias: integer(0, 1) === 0,
      activation: integer(0, 1) === 0 ? 'none' : 'relu',
    },
    blocking: {
      tileRows: integer(1, 6),
      tileVectors: integer(1, 2),
      depthBlock: integer(1, 48),
      rowBlock: integer(1, 48),
      packA: integer(0, 1) === 0,
      packB: integer(0, 1) === 0,
    },
  };
}

/** Elements from the first to the last of a matrix. */
function span({ rowStride, columnStride }: MatrixLayout, rows: number, columns: number): number {
  return (rows - 1) * rowStride + (columns - 1) * columnStride + 1;
}

/** `relu(alpha * A B + beta * C + bias)` in float64; exact, as all values are small integers. */
function expectedResult(
  { rows, columns, depth, a, b, c, alpha, beta, epilogue }: GemmDescription,
  values: Readonly<Record<Operand, readonly number[]>>,
  scale: { readonly alpha: number; readonly beta: number },
): number[] {
  const left = b as MatrixLayout;
  const result = [...values.c];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < depth; k++) {
        sum +=
          values.a[i * a.rowStride + k * a.columnStride]! *
          values.b[k * left.rowStride + j * left.columnStride]!;
      }
      const at = i * c.rowStride + j * c.columnStride;
      const old = beta === 'zero' ? 0 : (beta === 'one' ? 1 : scale.beta) * values.c[at]!;
      const full = (alpha === 'one' ? 1 : scale.alpha) * sum + old + (epilogue.bias ? values.bias[j]! : 0);
      result[at] = epilogue.activation === 'relu' ? Math.max(0, full) : full;
    }
  }
  return result;
}

function lengthsOf(description: GemmDescription, scratchBytes: number): Record<Operand, number> {
  const { rows, columns, depth, a, b, c } = description;
  return {
    a: span(a, rows, depth),
    b: span(b as MatrixLayout, depth, columns),
    c: span(c, rows, columns),
    bias: columns,
    scratch: Math.ceil(scratchBytes / FLOAT_BYTES),
  };
}

/** Calls verified products of random sizes, strides and blockings; each operand, and the scratch memory, touches guard pages. */
export function stressProducts(isa: 'avx512' | 'avx2', calls: number, seed: number): StressReport {
  const collect = (globalThis as { gc?: () => void }).gc;
  const koffi = loadKoffi();
  if (!collect || !koffi.available) throw new Error('Run with --expose-gc and koffi');
  const random = new Random(seed);
  const integer: Integer = (from, to) => from + random.integer(to - from + 1);
  const pages = new Map(OPERANDS.map((name) => [name, new GuardedPages(koffi.koffi, PAGES)]));
  const wrong: string[] = [];
  let [done, kernels, collections] = [0, 0, 0];
  const host = createMachineCodeHost({ isa });

  while (done < calls) {
    const description = randomProduct(integer);
    const memory = host.createMemory(256);
    let run: (block: number) => void;
    try {
      run = host.load([description], memory)[0]!.run;
    } catch (error) {
      if (error instanceof RegisterBudgetError) continue;
      throw error;
    }
    kernels += 1;
    const lengths = lengthsOf(description, gemmScratchBytes(description, host.traits));
    const values = Object.fromEntries(
      OPERANDS.map((name) => [name, Array.from({ length: lengths[name] }, () => integer(-3, 3))]),
    ) as Record<Operand, number[]>;
    const scale = { alpha: integer(-2, 2), beta: integer(-2, 2) };
    const expected = expectedResult(description, values, scale);
    const view = new DataView(memory.buffer, memory.byteOffset);
    setFloatArgument(view, 0, GEMM_ARGUMENTS.alpha, scale.alpha);
    setFloatArgument(view, 0, GEMM_ARGUMENTS.beta, scale.beta);
    for (let call = 0; call < CALLS_PER_KERNEL && done < calls; call++) {
      const starts = new Map<Operand, number>();
      for (const [name, buffer] of pages) {
        const start = buffer.place(lengths[name] * FLOAT_BYTES, integer(0, 1) === 1);
        starts.set(name, start);
        buffer.bytes.fill(GUARD);
        if (name !== 'scratch') new Float32Array(buffer.bytes.buffer, start).set(values[name]);
        setArgument(view, 0, GEMM_ARGUMENTS[name], buffer.address + start);
      }
      run(memory.address);
      done += 1;
      for (const [name, buffer] of pages) {
        const image = new Uint8Array(buffer.bytes.length).fill(GUARD);
        const [start, length] = [starts.get(name)!, lengths[name]];
        const content = new Float32Array(image.buffer, start, length);
        if (name === 'scratch') content.set(new Float32Array(buffer.bytes.buffer, start, length));
        else content.set(name === 'c' ? expected : values[name]);
        if (!sameNumbers(buffer.bytes, image)) wrong.push(`${name} of ${JSON.stringify(description)}`);
      }
      if (done % CALLS_PER_COLLECTION === 0) {
        collect();
        collections += 1;
      }
    }
  }
  return { calls: done, kernels, collections, wrong: wrong.slice(0, 5) };
}

/** Equal bytes, or numbers that differ in the sign of zero alone. */
function sameNumbers(got: Uint8Array, expected: Uint8Array): boolean {
  if (Buffer.compare(got, expected) === 0) return true;
  const [a, b] = [new Int32Array(got.buffer), new Int32Array(expected.buffer)];
  return a.every((bits, i) => bits === b[i] || (bits << 1 === 0 && b[i]! << 1 === 0));
}
