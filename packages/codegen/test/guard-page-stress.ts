import { Random } from '@qedge/core';
import { setArgument } from '../src/host/argument-block.ts';
import { describeCpu } from '../src/native/cpu-features.ts';
import { ExecutableMemory } from '../src/native/executable-memory.ts';
import { MachineMemory } from '../src/native/machine-memory.ts';
import type { NarrowFormat, Pointer, Target, Vector } from '../src/target/target.ts';
import { Avx2Target } from '../src/x64/avx2-target.ts';
import { Avx512Target } from '../src/x64/avx512-target.ts';
import { GUARD, GuardedPages, PAGE_BYTES } from './guarded-pages.ts';

const PAGES = 2;
const MAX_COUNT = 300;
const CALLS_PER_KERNEL = 40;
const CALLS_PER_COLLECTION = 2000;

type Format = NarrowFormat | 'float32' | 'int32';
const FORMAT_BYTES: Record<Format, number> = {
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  float16: 2,
  bfloat16: 2,
  float32: 4,
  int32: 4,
};
const FORMATS = Object.keys(FORMAT_BYTES) as Format[];

/** `destination[i] = a[i] + b[i]` for `count` numbers: whole vectors in a loop, then the tail. Narrow integers saturate. */
function emitAdd(target: Target<Uint8Array>, format: Format, count: number): Uint8Array {
  const { lanes } = target.traits;
  const [x, y] = target.vectors('operands', 2) as [Vector, Vector];
  const pointers = [0, 1, 2].map((index) => {
    const pointer = target.pointer(`argument ${index}`);
    target.argument(pointer, index);
    return pointer;
  }) as [Pointer, Pointer, Pointer];
  const isFloat = format === 'float32' || format === 'float16' || format === 'bfloat16';
  const isNarrow = FORMAT_BYTES[format] < 4;
  const body = (partial?: number) => {
    const [a, b, destination] = pointers.map((base) => ({ base, offset: 0 })) as [
      { base: Pointer; offset: number },
      { base: Pointer; offset: number },
      { base: Pointer; offset: number },
    ];
    if (isNarrow) target.loadNarrow(format as NarrowFormat, x, a, partial);
    else target.load(x, a, partial);
    if (isNarrow) target.loadNarrow(format as NarrowFormat, y, b, partial);
    else target.load(y, b, partial);
    if (isFloat) target.float('add', x, x, y);
    else target.integer('add', x, x, y);
    if (isNarrow) target.storeNarrow(format as NarrowFormat, x, destination, partial);
    else target.store(x, destination, partial);
  };
  target.loop(Math.floor(count / lanes), () => {
    body();
    for (const pointer of pointers) target.advance(pointer, lanes * FORMAT_BYTES[format]);
  });
  if (count % lanes > 0) body(count % lanes);
  return target.finish();
}

/** Small integers in each format, so that sums are exact; and their sum, saturated where the format is narrow. */
const CODE: Record<Format, (value: number) => number> = {
  int8: (value) => Math.max(-128, Math.min(127, value)),
  uint8: (value) => Math.max(0, Math.min(255, value)),
  int16: (value) => Math.max(-32768, Math.min(32767, value)),
  uint16: (value) => Math.max(0, Math.min(65535, value)),
  float16: halfBits,
  bfloat16: (value) => new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16,
  float32: (value) => new Uint32Array(Float32Array.of(value).buffer)[0]!,
  int32: (value) => value,
};
const RANGE: Record<Format, readonly [number, number]> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  float16: [-60, 60],
  bfloat16: [-60, 60],
  float32: [-1000, 1000],
  int32: [-100000, 100000],
};

/** The float16 with the value of an integer of at most eleven bits. */
function halfBits(value: number): number {
  if (value === 0) return 0;
  const magnitude = Math.abs(value);
  const exponent = Math.floor(Math.log2(magnitude));
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | ((magnitude / 2 ** exponent - 1) * 1024);
}

function writeCode(view: DataView, at: number, format: Format, value: number): void {
  const code = CODE[format](value);
  const bytes = FORMAT_BYTES[format];
  if (bytes === 1) view.setUint8(at, code & 0xff);
  else if (bytes === 2) view.setUint16(at, code & 0xffff, true);
  else view.setUint32(at, code >>> 0, true);
}

function writeCodes(bytes: Uint8Array, format: Format, values: readonly number[], start: number): void {
  const view = new DataView(bytes.buffer, start);
  values.forEach((value, i) => {
    writeCode(view, i * FORMAT_BYTES[format], format, value);
  });
}

/** What guarded pages hold once a result was written to `start`, and nothing outside. */
function pageImage(format: Format, values: readonly number[], start: number): Uint8Array {
  const image = new Uint8Array(PAGES * PAGE_BYTES).fill(GUARD);
  writeCodes(image, format, values, start);
  return image;
}

/** Counts what a stress run did. */
export interface StressReport {
  readonly calls: number;
  readonly kernels: number;
  readonly collections: number;
  /** Empty when all results were right. */
  readonly wrong: readonly string[];
}

/** Calls generated kernels of random sizes on buffers that touch guard pages, with the garbage collector forced in between. */
export function stress(isa: 'avx512' | 'avx2', calls: number, seed: number): StressReport {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (!collect) throw new Error('Run with --expose-gc');
  const executable = new ExecutableMemory();
  const { features } = describeCpu(executable);
  const type = executable.koffi.proto('void', ['int64_t']);
  const random = new Random(seed);
  const integer = (from: number, to: number) => from + random.integer(to - from + 1);
  const pages = [0, 1, 2].map(() => new GuardedPages(executable.koffi, PAGES)) as [
    GuardedPages,
    GuardedPages,
    GuardedPages,
  ];
  const wrong: string[] = [];
  let [done, kernels, collections] = [0, 0, 0];

  while (done < calls) {
    const format = FORMATS[integer(0, FORMATS.length - 1)]!;
    const count = integer(0, MAX_COUNT);
    const target =
      isa === 'avx512'
        ? new Avx512Target(features, { strict: false })
        : new Avx2Target(features, { strict: false });
    const placement = executable.place(emitAdd(target, format, count));
    if (!placement.placed) throw new Error(placement.reason);
    const run: (block: number) => void = executable.koffi.decode(BigInt(placement.address), type);
    const block = new MachineMemory(executable.koffi, 24);
    const blockView = new DataView(block.buffer, block.byteOffset);
    kernels += 1;
    const byteLength = count * FORMAT_BYTES[format];
    const [x, y] = [0, 1].map(() => Array.from({ length: count }, () => integer(...RANGE[format]))) as [
      number[],
      number[],
    ];
    const contents = [x, y, x.map((value, i) => value + y[i]!)] as const;
    // Operands lie at both ends of their pages; the result is compared with all that its pages must hold then.
    const images = [false, true].map((atEnd) =>
      pageImage(format, contents[2], pages[2].place(byteLength, atEnd)),
    );
    for (const index of [0, 1] as const) {
      for (const atEnd of [false, true]) {
        writeCodes(pages[index].bytes, format, contents[index], pages[index].place(byteLength, atEnd));
      }
    }
    for (let call = 0; call < CALLS_PER_KERNEL && done < calls; call++) {
      const atEnd = pages.map(() => integer(0, 1) === 1);
      pages.forEach((buffer, index) => {
        setArgument(blockView, 0, index, buffer.address + buffer.place(byteLength, atEnd[index]!));
      });
      pages[2].bytes.fill(GUARD);
      run(block.address);
      done += 1;
      const image = images[atEnd[2] ? 1 : 0]!;
      if (Buffer.compare(pages[2].bytes, image) !== 0) {
        const at = image.findIndex((byte, i) => byte !== pages[2].bytes[i]);
        wrong.push(`${isa} ${format} x ${count}, result at the ${atEnd[2] ? 'end' : 'start'}: byte ${at}`);
      }
      if (done % CALLS_PER_COLLECTION === 0) {
        collect();
        collections += 1;
      }
    }
  }
  return { calls: done, kernels, collections, wrong };
}
