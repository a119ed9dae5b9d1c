import { existsSync, readFileSync } from 'node:fs';
import { CapabilityUnavailableError, InvalidArgumentError, UseAfterReleaseError } from '@qedge/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createInterpreterHost,
  GEMM_ARGUMENTS,
  type GemmDescription,
  type KernelMemory,
  MEMORY_ALIGNMENT,
  NO_EPILOGUE,
  setArgument,
} from '../src/index.ts';
import { createMachineCodeHost } from '../src/node.ts';
import { BundledProject, nodeExecutables } from './bundled-project.ts';
import { hostFeatures, missingMachineCode } from './host-features.ts';

const missing = missingMachineCode();
if (missing) console.warn(`SKIPPED: machine code. ${missing}`);

const ISAS = (['avx512', 'avx2'] as const).filter(
  (isa) => !missing && hostFeatures()[isa === 'avx512' ? 'avx512f' : 'avx2'],
);

/** `C[rows, columns] = A[rows, depth] * B[depth, columns]`, row-major. */
function product(rows: number, columns: number, depth: number): GemmDescription {
  return {
    kind: 'gemm',
    batch: 1,
    rows,
    columns,
    depth,
    a: { rowStride: depth, columnStride: 1, batchStride: 0 },
    b: { packed: false, rowStride: columns, columnStride: 1, batchStride: 0 },
    c: { rowStride: columns, columnStride: 1, batchStride: 0 },
    alpha: 'one',
    beta: 'zero',
    epilogue: NO_EPILOGUE,
    blocking: { tileRows: 4, tileVectors: 1, depthBlock: 64, rowBlock: 64, packA: false, packB: false },
  };
}

/** Operands at fixed places: the block at 0, A at 256, B at 1024, C at 4096, scratch at 8192. */
function writeProduct(memory: KernelMemory, { rows, columns, depth }: GemmDescription) {
  const { buffer, byteOffset, address } = memory;
  const view = new DataView(buffer);
  const places = { a: 256, b: 1024, c: 4096, scratch: 8192 };
  for (const [name, place] of Object.entries(places)) {
    setArgument(view, byteOffset, GEMM_ARGUMENTS[name as keyof typeof places], address + place);
  }
  const a = new Float32Array(buffer, byteOffset + places.a, rows * depth);
  const b = new Float32Array(buffer, byteOffset + places.b, depth * columns);
  a.forEach((_, i) => {
    a[i] = (i % 7) - 3;
  });
  b.forEach((_, i) => {
    b[i] = (i % 5) - 2;
  });
  const c = new Float32Array(buffer, byteOffset + places.c, rows * columns);
  const expected = Float32Array.from(c, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < depth; k++) sum += a[row * depth + k]! * b[k * columns + column]!;
    return sum;
  });
  return { c, expected };
}

const MEMORY_BYTES = 65536;

const HUGE_PAGE_POLICY = '/sys/kernel/mm/transparent_hugepage/enabled';
const HUGE_PAGES =
  existsSync(HUGE_PAGE_POLICY) && !readFileSync(HUGE_PAGE_POLICY, 'utf8').includes('[never]');
if (!HUGE_PAGES) console.warn('SKIPPED: memory on huge pages. This kernel has none');

describe.skipIf(missing !== '')('a machine code host', () => {
  it.each(ISAS)('multiplies on %s, through the function alone', (isa) => {
    using host = createMachineCodeHost({ isa });
    const description = product(5, 19, 7);
    const memory = host.createMemory(MEMORY_BYTES);
    const { c, expected } = writeProduct(memory, description);
    const [kernel] = host.load([description], memory);
    const { run } = kernel!;
    run(memory.address);
    expect(c).toEqual(expected);
    expect(host.isa).toBe(isa);
    expect(host.strict).toBe(false);
    expect(host.traits.lanes).toBe(isa === 'avx512' ? 16 : 8);
  });

  it('takes the widest instruction set that the processor has', () => {
    using host = createMachineCodeHost();
    expect(host.isa).toBe(ISAS[0]);
    expect(host.cpu.features).toEqual(hostFeatures());
  });

  it.each([0, 1, 63, 64, 65, 4097, 1_000_003])(
    'has zeroed, aligned, shared memory of %i bytes',
    (byteLength) => {
      using host = createMachineCodeHost();
      const memory = host.createMemory(byteLength);
      expect(memory.byteLength).toBe(byteLength);
      expect(memory.address % MEMORY_ALIGNMENT).toBe(0);
      expect(memory.buffer).toBeInstanceOf(SharedArrayBuffer);
      const bytes = new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength);
      expect(bytes.every((byte) => byte === 0)).toBe(true);
    },
  );

  it.skipIf(!HUGE_PAGES)('has large memory on huge pages', () => {
    using host = createMachineCodeHost();
    const { buffer, byteOffset, byteLength, address } = host.createMemory(32 * 2 ** 20);
    new Uint8Array(buffer, byteOffset, byteLength).fill(1);
    const mappings = readFileSync('/proc/self/smaps', 'utf8').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
    const mapping = mappings.find((text) => {
      const [from, to] = text
        .split(' ', 1)[0]!
        .split('-')
        .map((part) => Number.parseInt(part, 16));
      return from! <= address + byteLength / 2 && address + byteLength / 2 < to!;
    });
    // Room for the parts of the first and the last huge page, and for some that a fragmented machine does not have.
    expect(Number(/AnonHugePages: +(\d+) kB/.exec(mapping!)![1])).toBeGreaterThan(16 * 1024);
  });

  it('emits a kernel once, for any number of memories', () => {
    using host = createMachineCodeHost();
    const [one, two] = [host.createMemory(64), host.createMemory(64)];
    const description = product(2, 3, 4);
    const [first] = host.load([description], one);
    const [second, again] = host.load([description, description], two);
    expect(first!.portable).toMatchObject({ kind: 'machine-code' });
    expect(second!.portable).toEqual(first!.portable);
    expect(again!.key).toBe(first!.key);
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 53])('refuses a memory of %s bytes', (byteLength) => {
    using host = createMachineCodeHost();
    expect(() => host.createMemory(byteLength)).toThrow(InvalidArgumentError);
  });

  it('says when there is too little memory', () => {
    using host = createMachineCodeHost();
    expect(() => host.createMemory(2 ** 50)).toThrow(CapabilityUnavailableError);
  });

  it('refuses memory of another kind of host, and an instruction set that is not known', () => {
    using host = createMachineCodeHost();
    const foreign = createInterpreterHost().createMemory(64);
    expect(() => host.load([product(1, 1, 1)], foreign)).toThrow(InvalidArgumentError);
    expect(() => createMachineCodeHost({ isa: 'sse' as 'avx2' })).toThrow(InvalidArgumentError);
  });

  it('runs loaded kernels after dispose(), and loads no more', () => {
    const host = createMachineCodeHost();
    const description = product(3, 3, 3);
    const memory = host.createMemory(MEMORY_BYTES);
    const { c, expected } = writeProduct(memory, description);
    const [kernel] = host.load([description], memory);
    host.dispose();
    host.dispose();
    kernel!.run(memory.address);
    expect(c).toEqual(expected);
    expect(() => host.load([description], memory)).toThrow(UseAfterReleaseError);
    expect(() => host.createMemory(1)).toThrow(UseAfterReleaseError);
  });
});

describe.skipIf(missing !== '').each(nodeExecutables())('in a process of its own (%s)', (node) => {
  const project = new BundledProject();
  beforeAll(() => project.build({ index: 'src/index.ts', node: 'src/node.ts' }));
  afterAll(() => project.remove());

  it('nothing but the function of a kernel is needed to call it, however often garbage is collected', async () => {
    const { output, complaints, exitCode, signal } = await project.run(
      `import { PEAK_ARGUMENTS, peakOperations, setArgument } from './index.mjs';
       import { createMachineCodeHost } from './node.mjs';
       const description = { kind: 'peak', operation: 'fma', turns: 3 };
       function load() {
         const host = createMachineCodeHost({ isa: 'avx2' });
         const memory = host.createMemory(4096);
         const view = new DataView(memory.buffer);
         for (const [name, index] of Object.entries(PEAK_ARGUMENTS)) {
           setArgument(view, memory.byteOffset, index, memory.address + 64 * (index + 1));
         }
         const [{ run }] = host.load([description], memory);
         return { run, block: memory.address, buffer: new WeakRef(memory.buffer), host: new WeakRef(host) };
       }
       const loaded = Array.from({ length: 50 }, load);
       const dropped = Array.from({ length: 50 }, load).map(({ buffer }) => buffer);
       for (let round = 0; round < 20; round++) {
         const garbage = Array.from({ length: 100 }, (_, i) => new SharedArrayBuffer(4096 + i));
         gc();
         await new Promise((resolve) => setTimeout(resolve, 1));
         for (const { run, block } of loaded) run(block);
       }
       console.log(JSON.stringify({
         kept: loaded.filter(({ buffer }) => buffer.deref()).length,
         hosts: loaded.filter(({ host }) => host.deref()).length,
         leaked: dropped.filter((buffer) => buffer.deref()).length,
       }));`,
      { node, flags: ['--expose-gc'] },
    );
    expect({ exitCode, signal }, complaints).toEqual({ exitCode: 0, signal: null });
    const { kept, hosts, leaked } = JSON.parse(output);
    expect({ kept, hosts }).toEqual({ kept: 50, hosts: 0 });
    // The stack may still hold a few of those that were dropped.
    expect(leaked).toBeLessThan(5);
  });

  const DESCRIPTIONS = {
    peak: { kind: 'peak', operation: 'fma', turns: 3 },
    gemm: product(5, 19, 7),
  };
  const WRONG_ENCODERS = [
    ['swaps fma and fnma', 'peak', 'fma(...operands) { return this.fnma(...operands); }'],
    ['swaps fma and fnma', 'gemm', 'fma(...operands) { return this.fnma(...operands); }'],
    [
      'stores whole vectors at the tail',
      'gemm',
      'store(source, memory) { return store.call(this, source, memory); }',
    ],
    [
      'loads one lane too few at the tail',
      'gemm',
      'load(to, memory, lanes) { return load.call(this, to, memory, lanes && lanes - 1 || lanes); }',
    ],
    ['adds where it should begin at 0', 'gemm', 'zero(to) { return this.constant(to, 1); }'],
  ] as const;

  it.each(WRONG_ENCODERS)(
    'an encoder that %s is refused before first use (%s)',
    async (_, family, mutation) => {
      for (const isa of ISAS) {
        const { output, complaints, exitCode } = await project.run(
          `import { Avx2Target, Avx512Target } from './index.mjs';
         import { createMachineCodeHost } from './node.mjs';
         const Target = ${isa === 'avx512' ? 'Avx512Target' : 'Avx2Target'};
         const { load, store } = Target.prototype;
         Object.assign(Target.prototype, { ${mutation} });
         const host = createMachineCodeHost({ isa: '${isa}' });
         const memory = host.createMemory(64);
         for (const attempt of [1, 2]) {
           try { host.load([${JSON.stringify(DESCRIPTIONS[family])}], memory); console.log('loaded'); }
           catch ({ code, message }) { console.log(code, message); }
         }`,
          { node },
        );
        expect(exitCode, complaints).toBe(0);
        expect(output.match(/^VERIFICATION_FAILED /gm)).toHaveLength(2);
      }
    },
  );
});
