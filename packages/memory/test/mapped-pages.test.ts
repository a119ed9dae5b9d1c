import { once } from 'node:events';
import {
  closeSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { FileFormatError, InvalidArgumentError, UseAfterReleaseError } from '@qedge/core';
import { afterAll, describe, expect, it } from 'vitest';
import { loadKoffi, type MemoryOverlay, mapFile } from '../src/node.ts';
import { posixCalls } from '../src/posix-calls.ts';

const directory = mkdtempSync(join(tmpdir(), 'qedge-pages-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const koffi = loadKoffi();
const canMap = ['linux', 'darwin'].includes(platform()) && koffi.available;
const WASM_PAGE = 65_536;

/** Byte i of every test file: neither a period of a page nor zero at its start. */
const byteAt = (i: number) => (i * 31 + (i >> 12) + 7) & 255;
const write = (name: string, byteLength: number) => {
  const path = join(directory, name);
  writeFileSync(
    path,
    Uint8Array.from({ length: byteLength }, (_, i) => byteAt(i)),
  );
  return path;
};
const peek = (address: number, byteLength: number) => {
  if (!koffi.available) throw new Error(koffi.reason);
  return new Uint8Array(koffi.koffi.view(BigInt(address), byteLength));
};

describe.skipIf(!canMap)('pages lent to machine code', () => {
  it('are the bytes of the file at an address that begins a page, beyond 4 GiB too', () => {
    const path = join(directory, 'sparse.bin');
    const descriptor = openSync(path, 'w');
    const offset = 4.5 * 2 ** 30;
    writeSync(descriptor, Uint8Array.of(9, 8, 7), 0, 3, offset);
    closeSync(descriptor);
    using file = mapFile(path);
    using pages = file.pages()!;
    expect(pages.byteLength).toBe(offset + 3);
    expect(pages.address % 4096).toBe(0);
    pages.verify();
    expect(Array.from(peek(pages.address + offset - 1, 4))).toEqual([0, 9, 8, 7]);
    rmSync(path);
  });

  it('stay when the file is closed before them, and only until they are given back', () => {
    const file = mapFile(write('kept.bin', 10_000));
    const pages = file.pages()!;
    file.dispose();
    expect(peek(pages.address + 9_999, 1)[0]).toBe(byteAt(9_999));
    pages.verify();
    pages.dispose();
    pages.dispose();
    expect(() => pages.verify()).toThrow(UseAfterReleaseError);
    expect(() => file.pages()).toThrow(UseAfterReleaseError);
  });

  it('are verified without allocating', () => {
    using file = mapFile(write('verified.bin', 10_000));
    using pages = file.pages()!;
    const verify = (times: number) => {
      for (let i = 0; i < times; i++) pages.verify();
    };
    verify(20_000);
    const grown = [0, 0, 0].map(() => {
      const before = process.memoryUsage();
      verify(10_000);
      const after = process.memoryUsage();
      return after.heapUsed + after.external - before.heapUsed - before.external;
    });
    // One number for each of 10,000 verifications would be 160,000 bytes; asking how much memory is used costs some thousand.
    if (platform() === 'linux') expect(Math.min(...grown.map(Math.abs))).toBeLessThan(20_000);
  });

  it('refuse to be used after the file was truncated, changed or replaced', () => {
    const changes: readonly [string, (path: string) => void][] = [
      ['was truncated from 10000 to 5', (path) => truncateSync(path, 5)],
      ['was changed', (path) => truncateSync(path, 20_000)],
      ['was replaced', (path) => renameSync(write('other.bin', 10_000), path)],
      ['was removed', (path) => rmSync(path)],
    ];
    for (const [message, change] of changes) {
      const path = write('victim.bin', 10_000);
      using file = mapFile(path);
      using pages = file.pages()!;
      change(path);
      expect(() => pages.verify()).toThrow(FileFormatError);
      expect(() => pages.verify()).toThrow(message);
      expect(() => file.pages()).toThrow(FileFormatError);
    }
  });
});

it('are not lent where the file is not mapped, and the file says why', () => {
  const path = join(directory, 'empty.bin');
  writeFileSync(path, '');
  using file = mapFile(path);
  expect(file.pages()).toBeNull();
  expect(file.fallbacks[0]!.why).toMatch(/empty file/);
  expect(file.advise(0, 0, 'will-need')).toEqual({ taken: false, reason: file.fallbacks[0]!.why });
  expect(file.residency(0, 0)).toEqual({ available: false, reason: file.fallbacks[0]!.why });
});

describe.skipIf(!canMap)('hints and residency', () => {
  it('take every hint, and change no byte', () => {
    using file = mapFile(write('advised.bin', 100_000));
    for (const advice of ['normal', 'sequential', 'random', 'will-need', 'dont-need'] as const) {
      expect(file.advise(5_000, 60_000, advice)).toEqual({ taken: true });
      expect(file.read(70_000, 2)).toEqual(Uint8Array.of(byteAt(70_000), byteAt(70_001)));
    }
    expect(file.advise(0, 0, 'will-need')).toEqual({ taken: true });
  });

  it('count whole pages that are in physical memory', () => {
    using file = mapFile(write('resident.bin', 100_000));
    file.read(0, 100_000);
    const pageBytes = 4096;
    const told = file.residency(0, 100_000);
    expect(told).toMatchObject({ available: true });
    if (!told.available) return;
    expect(told.byteLength % pageBytes).toBe(0);
    expect(told.byteLength).toBeGreaterThanOrEqual(100_000);
    // Just written: nothing had a reason to leave the page cache.
    expect(told.residentBytes).toBe(told.byteLength);
    expect(file.residency(0, 0)).toEqual({ available: true, byteLength: 0, residentBytes: 0 });
  });

  it('tell holes that nobody has touched from bytes in memory', () => {
    const path = join(directory, 'hole.bin');
    const descriptor = openSync(path, 'w');
    writeSync(descriptor, new Uint8Array(WASM_PAGE).fill(1), 0, WASM_PAGE, 2 ** 32);
    closeSync(descriptor);
    using file = mapFile(path);
    expect(file.residency(2 ** 30, 2 ** 20)).toMatchObject({ available: true, residentBytes: 0 });
    expect(file.residency(2 ** 32, WASM_PAGE)).toMatchObject({ available: true, residentBytes: WASM_PAGE });
    expect(file.residency(0, 2 ** 32 + WASM_PAGE)).toMatchObject({ residentBytes: WASM_PAGE });
    rmSync(path);
  });

  it('refuse ranges outside of the file, unknown hints and closed files', () => {
    const file = mapFile(write('refused.bin', 100));
    expect(() => file.advise(0, 101, 'will-need')).toThrow(InvalidArgumentError);
    expect(() => file.advise(0, 1, 'now' as 'random')).toThrow(InvalidArgumentError);
    expect(() => file.residency(-1, 1)).toThrow(InvalidArgumentError);
    file.dispose();
    expect(() => file.advise(0, 1, 'random')).toThrow(UseAfterReleaseError);
    expect(() => file.residency(0, 1)).toThrow(UseAfterReleaseError);
  });
});

interface GrowingMemory {
  readonly buffer: ArrayBufferLike;
  grow(pages: number): number;
}

/** The part of WebAssembly's interface that is used here; Node's types leave it to the DOM's. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Memory: new (limits: { initial: number; maximum: number; shared: boolean }) => GrowingMemory;
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (
      module: object,
      imports: object,
    ) => { readonly exports: { readonly r: (address: number) => number } };
  };
};

/** `(i32) -> i32`: the 32-bit word at an address of the memory `m.m`. */
function wordReader(memory: GrowingMemory, shared: boolean): (address: number) => number {
  const limits = shared ? [3, 1, 100] : [1, 1, 100];
  const module = new WebAssembly.Module(
    Uint8Array.of(
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...[1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f],
      ...[2, 6 + limits.length, 1, 1, 0x6d, 1, 0x6d, 2, ...limits],
      ...[3, 2, 1, 0],
      ...[7, 5, 1, 1, 0x72, 0, 0],
      ...[10, 9, 1, 7, 0, 0x20, 0, 0x28, 0, 0, 0x0b],
    ),
  );
  return new WebAssembly.Instance(module, { m: { m: memory } }).exports.r;
}

const wordAt = (i: number) =>
  byteAt(i) | (byteAt(i + 1) << 8) | (byteAt(i + 2) << 16) | (byteAt(i + 3) << 24);

describe.skipIf(!canMap).each([false, true])(
  'files mapped into WebAssembly memory (shared: %s)',
  (shared) => {
    const createMemory = (initial = 4) => new WebAssembly.Memory({ initial, maximum: 100, shared });
    const overlayOf = (memory: GrowingMemory, byteLength = 2 * WASM_PAGE): MemoryOverlay => {
      using file = mapFile(write(`overlay-${shared}.bin`, 3 * WASM_PAGE + 100));
      const result = file.mapInto(memory, WASM_PAGE, { fileOffset: WASM_PAGE, byteLength });
      if (!result.mapped) throw new Error(result.reason);
      return result.overlay;
    };

    it('are read by JavaScript and by WebAssembly, between bytes that stay', () => {
      const memory = createMemory();
      new Uint8Array(memory.buffer).fill(42);
      using overlay = overlayOf(memory);
      overlay.verify();
      expect(overlay).toMatchObject({ byteOffset: WASM_PAGE, byteLength: 2 * WASM_PAGE });
      const bytes = new Uint8Array(memory.buffer);
      for (const i of [0, 1, 4095, 4096, 2 * WASM_PAGE - 1])
        expect(bytes[WASM_PAGE + i]).toBe(byteAt(WASM_PAGE + i));
      expect(bytes[WASM_PAGE - 1]).toBe(42);
      expect(bytes[3 * WASM_PAGE]).toBe(42);
      const read = wordReader(memory, shared);
      for (const at of [WASM_PAGE, WASM_PAGE + 4093, 2 * WASM_PAGE]) expect(read(at)).toBe(wordAt(at));
    });

    it('keep writes to this process', () => {
      const memory = createMemory();
      using overlay = overlayOf(memory);
      new Uint8Array(memory.buffer)[WASM_PAGE + 5] = byteAt(WASM_PAGE + 5) ^ 255;
      expect(new Uint8Array(memory.buffer)[WASM_PAGE + 5]).toBe(byteAt(WASM_PAGE + 5) ^ 255);
      using file = mapFile(join(directory, `overlay-${shared}.bin`));
      expect(file.read(WASM_PAGE + 5, 1)[0]).toBe(byteAt(WASM_PAGE + 5));
      overlay.verify();
    });

    it('stay when the memory grows, and leave zeros that can be used when they are given back', () => {
      const memory = createMemory();
      const overlay = overlayOf(memory);
      const read = wordReader(memory, shared);
      memory.grow(50);
      expect(read(WASM_PAGE + 8)).toBe(wordAt(WASM_PAGE + 8));
      expect(read(53 * WASM_PAGE)).toBe(0);
      overlay.dispose();
      overlay.dispose();
      const bytes = new Uint8Array(memory.buffer);
      expect(bytes.subarray(WASM_PAGE, 3 * WASM_PAGE).every((byte) => byte === 0)).toBe(true);
      bytes.fill(7);
      expect(read(WASM_PAGE)).toBe(0x07070707);
      memory.grow(10);
      expect(read(WASM_PAGE)).toBe(0x07070707);
      expect(() => overlay.verify()).toThrow(UseAfterReleaseError);
    });

    it('can be mapped again in the same place, and outlive the handle on the file', () => {
      const memory = createMemory();
      for (let round = 0; round < 20; round++) {
        using _ = overlayOf(memory);
        expect(new Uint8Array(memory.buffer)[WASM_PAGE]).toBe(byteAt(WASM_PAGE));
      }
    });

    it('end with zeros when the file ends within a page', () => {
      const memory = createMemory();
      new Uint8Array(memory.buffer).fill(42);
      using file = mapFile(write('tail.bin', WASM_PAGE + 100));
      const result = file.mapInto(memory, 0, { fileOffset: WASM_PAGE, byteLength: 100 });
      expect(result.mapped).toBe(true);
      const bytes = new Uint8Array(memory.buffer);
      expect(bytes[99]).toBe(byteAt(WASM_PAGE + 99));
      expect(bytes[100]).toBe(0);
      const posix = posixCalls();
      if (posix.available) expect(bytes[posix.calls.pageBytes]).toBe(42);
      if (result.mapped) result.overlay.dispose();
    });

    it.runIf(shared)('are read by other threads', async () => {
      const memory = createMemory();
      using _ = overlayOf(memory);
      const worker = new Worker(
        `const { parentPort, workerData } = require('node:worker_threads');
         parentPort.postMessage(new Uint8Array(workerData)[${WASM_PAGE + 5000}]);`,
        { eval: true, workerData: memory.buffer },
      );
      const [seen] = await once(worker, 'message');
      await worker.terminate();
      expect(seen).toBe(byteAt(WASM_PAGE + 5000));
    });

    it('notice that the file was truncated', () => {
      const memory = createMemory();
      using overlay = overlayOf(memory);
      truncateSync(join(directory, `overlay-${shared}.bin`), 0);
      expect(() => overlay.verify()).toThrow(/was truncated/);
    });

    it('are refused where pages do not fit, with the reason, and nothing is changed', () => {
      const memory = createMemory();
      new Uint8Array(memory.buffer).fill(42);
      using file = mapFile(write('misfit.bin', 3 * WASM_PAGE));
      const cases: readonly [number, number, number, RegExp][] = [
        [1, 0, WASM_PAGE, /begins none/],
        [0, 64, WASM_PAGE, /begins none/],
        [0, 0, 100, /not whole pages/],
        [0, 0, 0, /no bytes/],
      ];
      for (const [byteOffset, fileOffset, byteLength, reason] of cases) {
        const result = file.mapInto(memory, byteOffset, { fileOffset, byteLength });
        expect(result).toMatchObject({ mapped: false, reason: expect.stringMatching(reason) });
      }
      expect(new Uint8Array(memory.buffer).every((byte) => byte === 42)).toBe(true);
      for (const [byteOffset, fileOffset, byteLength] of [
        [0, 0, 4 * WASM_PAGE],
        [4 * WASM_PAGE, 0, WASM_PAGE],
        [-WASM_PAGE, 0, WASM_PAGE],
        [0, 0.5, WASM_PAGE],
      ] as const) {
        expect(() => file.mapInto(memory, byteOffset, { fileOffset, byteLength })).toThrow(
          InvalidArgumentError,
        );
      }
      file.dispose();
      expect(() => file.mapInto(memory, 0, { fileOffset: 0, byteLength: WASM_PAGE })).toThrow(
        UseAfterReleaseError,
      );
    });
  },
);

it('other memory than that of WebAssembly is refused', () => {
  using file = mapFile(write('plain.bin', WASM_PAGE));
  const result = file.mapInto({ buffer: new ArrayBuffer(WASM_PAGE + 100) }, 0, {
    fileOffset: 0,
    byteLength: WASM_PAGE,
  });
  expect(result.mapped).toBe(false);
  if (!result.mapped && canMap) expect(result.reason).toMatch(/only WebAssembly memory/);
});
