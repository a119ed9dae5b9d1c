import { CapabilityUnavailableError, InvalidArgumentError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import {
  ARGUMENT_BYTES,
  createInterpreterHost,
  createWasmHost,
  ELEMENTWISE_ARGUMENTS,
  type KernelHost,
  type KernelMemory,
  type LoadedKernel,
  setArgument,
} from '../src/index.ts';
import { createMachineCodeHost } from '../src/node.ts';
import { missingMachineCode } from './host-features.ts';

const HOSTS: readonly (readonly [string, () => KernelHost, boolean])[] = [
  ['wasm-strict', () => createWasmHost({ isa: 'wasm-strict' }), false],
  ['wasm-strict on shared memory', () => createWasmHost({ isa: 'wasm-strict', shared: true }), true],
  ...(missingMachineCode() === ''
    ? ([['machine code', () => createMachineCodeHost({ isa: 'avx2' }), false]] as const)
    : []),
];

/** The type library of neither the DOM nor Node declares it here. */
const { WebAssembly: engine } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Memory: new (descriptor: {
      readonly initial: number;
      readonly maximum?: number;
      readonly shared?: boolean;
    }) => { readonly buffer: ArrayBufferLike; grow(pages: number): number };
  };
};

const PAGE = 65536;
const LENGTH = 37;

function loadSum(host: KernelHost, memory: KernelMemory): LoadedKernel {
  return host.load(
    [
      {
        kind: 'elementwise',
        operation: 'add',
        rows: 1,
        width: LENGTH,
        aStride: LENGTH,
        bStride: LENGTH,
        outputStride: LENGTH,
        activation: 'none',
      },
    ],
    memory,
  )[0]!;
}

/** Adds 37 numbers at byte `start` to themselves, behind them; the block lies in front. */
function runSum(kernel: LoadedKernel, memory: KernelMemory, start: number): Float32Array {
  const input = new Float32Array(memory.buffer, start, LENGTH);
  for (let i = 0; i < LENGTH; i++) input[i] = i + start;
  const block = start - 4 * ARGUMENT_BYTES;
  const [from, to] = [memory.address + start, memory.address + start + LENGTH * 4];
  const view = new DataView(memory.buffer);
  setArgument(view, block, ELEMENTWISE_ARGUMENTS.a, from);
  setArgument(view, block, ELEMENTWISE_ARGUMENTS.b, from);
  setArgument(view, block, ELEMENTWISE_ARGUMENTS.output, to);
  kernel.run(memory.address + block);
  return new Float32Array(memory.buffer, start + LENGTH * 4, LENGTH).slice();
}

const expected = (start: number) => Float32Array.from({ length: LENGTH }, (_, i) => 2 * (i + start));

describe.each(HOSTS)('%s in memory of another program', (_name, create, shared) => {
  it('works in place, before and after the memory has grown', () => {
    using host = create();
    const memory = new engine.Memory({ initial: 1, maximum: 4096, shared });
    const adopted = host.adoptMemory(memory);
    expect(adopted.buffer).toBe(memory.buffer);
    const kernel = loadSum(host, adopted);
    expect(runSum(kernel, adopted, 1024)).toEqual(expected(1024));
    const [before, address] = [memory.buffer, adopted.address];
    memory.grow(2047);
    if (!shared) expect(before.byteLength).toBe(0);
    expect(adopted.buffer).toBe(memory.buffer);
    expect(adopted.byteLength).toBe(2048 * PAGE);
    // 64-bit V8 reserves what a memory may grow to.
    expect(adopted.address).toBe(address);
    expect(runSum(kernel, adopted, 1024)).toEqual(expected(1024));
    expect(runSum(kernel, adopted, 2047 * PAGE)).toEqual(expected(2047 * PAGE));
  });

  it('refuses what is no memory', () => {
    using host = create();
    expect(() => host.adoptMemory({ buffer: new ArrayBuffer(64) })).toThrow(InvalidArgumentError);
  });
});

describe('memory of another program', () => {
  it('is refused where its sharing does not suit the code', () => {
    using host = createWasmHost({ isa: 'wasm-strict' });
    const memory = new engine.Memory({ initial: 1, maximum: 1, shared: true });
    expect(() => host.adoptMemory(memory)).toThrow(InvalidArgumentError);
  });

  it('is refused by the interpreter', () => {
    using host = createInterpreterHost();
    const memory = new engine.Memory({ initial: 1 });
    expect(() => host.adoptMemory(memory)).toThrow(CapabilityUnavailableError);
  });
});
