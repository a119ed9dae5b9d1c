import './relaxed-simd.ts';
import {
  CapabilityUnavailableError,
  FileFormatError,
  InvalidArgumentError,
  UseAfterReleaseError,
} from '@qedge/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  createInterpreterHost,
  createWasmHost,
  type Isa,
  type KernelDescription,
  type KernelHost,
  kernelTrial,
} from '../src/index.ts';
import { MachineCodeLoader } from '../src/machine-code.ts';
import { createKernelHost } from '../src/node.ts';

const KERNELS: readonly KernelDescription[] = [
  { kind: 'peak', operation: 'fma', turns: 5 },
  { kind: 'peak', operation: 'dot', turns: 7 },
];
const ISAS: readonly Isa[] = ['avx512', 'avx2', 'wasm', 'wasm-strict'];

afterEach(() => vi.unstubAllEnvs());

/** Null where this machine has no such host. */
function hostOf(isa: Isa): KernelHost | null {
  try {
    return createKernelHost({ isa }).host;
  } catch (error) {
    if (error instanceof CapabilityUnavailableError) return null;
    throw error;
  }
}

describe.each(ISAS)('the code of kernels for %s', (isa) => {
  const host = hostOf(isa);

  it.skipIf(host === null)('computes in another host as where it was made', () => {
    const encoded = host!.encode(KERNELS);
    using other = hostOf(isa)!;
    const memory = other.createMemory(2 ** 16);
    const kernels = other.loadEncoded(encoded, memory);
    expect(kernels.map(({ key }) => key)).toEqual(['0', '1']);
    for (const [index, { run }] of kernels.entries()) {
      const trial = kernelTrial(KERNELS[index]!, other.traits, 'all', 3);
      run(trial.prepare(memory));
      expect(trial.findError(memory)).toBeNull();
    }
  });

  it.skipIf(host === null)('is the same bytes every time', () => {
    expect(host!.encode(KERNELS)).toEqual(host!.encode(KERNELS));
  });

  it.skipIf(host === null)('works on memory of such a host only, and as long as the host lives', () => {
    const encoded = host!.encode(KERNELS);
    using interpreter = createInterpreterHost();
    expect(() => host!.loadEncoded(encoded, interpreter.createMemory(64))).toThrow(InvalidArgumentError);
    const other = hostOf(isa)!;
    const memory = other.createMemory(64);
    other.dispose();
    expect(() => other.loadEncoded(encoded, memory)).toThrow(UseAfterReleaseError);
    expect(() => other.encode(KERNELS)).toThrow(UseAfterReleaseError);
  });
});

const native = hostOf('avx2');

describe('machine code from elsewhere', () => {
  it.skipIf(native === null)('is refused where the processor lacks what it needs', () => {
    const encoded = native!.encode(KERNELS);
    const memory = native!.createMemory(64);
    expect(encoded.features).toContain('avx2');
    const greedy = { ...encoded, features: [...encoded.features, 'avx1024'] };
    expect(() => native!.loadEncoded(greedy, memory)).toThrow(CapabilityUnavailableError);
  });

  it.skipIf(native === null)('is refused when its functions begin where there is none', () => {
    const encoded = native!.encode(KERNELS);
    const memory = native!.createMemory(64);
    for (const start of [-64, 8, encoded.code.byteLength, Number.NaN, 2 ** 40]) {
      expect(() => native!.loadEncoded({ ...encoded, starts: [0, start] }, memory), `${start}`).toThrow(
        FileFormatError,
      );
    }
  });
});

describe('a loader of machine code', () => {
  it.skipIf(native === null)('runs what a host has encoded, also when both are gone', () => {
    const encoded = native!.encode(KERNELS);
    const loader = new MachineCodeLoader();
    expect(loader.cpu.features.avx2).toBe(true);
    const memory = loader.createMemory(2 ** 16);
    const kernels = loader.load(encoded, memory);
    loader.dispose();
    loader.dispose();
    expect(() => loader.load(encoded, memory)).toThrow(UseAfterReleaseError);
    expect(() => loader.createMemory(64)).toThrow(UseAfterReleaseError);
    for (const [index, { run }] of kernels.entries()) {
      const trial = kernelTrial(KERNELS[index]!, native!.traits, 'all', 3);
      run(trial.prepare(memory));
      expect(trial.findError(memory)).toBeNull();
    }
  });

  it('is refused where the environment forbids machine code', () => {
    vi.stubEnv('QEDGE_NATIVE', '0');
    expect(() => new MachineCodeLoader()).toThrow(CapabilityUnavailableError);
    vi.stubEnv('QEDGE_NATIVE', 'maybe');
    expect(() => new MachineCodeLoader()).toThrow(InvalidArgumentError);
  });
});

describe('a module from elsewhere', () => {
  const host = createWasmHost({ isa: 'wasm-strict' });
  const encoded = host.encode(KERNELS);

  it('is refused when it is none, or lacks a kernel', () => {
    using other = createWasmHost({ isa: 'wasm-strict' });
    const memory = other.createMemory(64);
    const cut = { ...encoded, code: encoded.code.subarray(0, encoded.code.byteLength - 1) };
    expect(() => other.loadEncoded(cut, memory)).toThrow(CapabilityUnavailableError);
    expect(() => other.loadEncoded({ ...encoded, starts: [0, 0, 0] }, memory)).toThrow(FileFormatError);
  });

  it('is refused when it wants more than a memory', () => {
    using other = createWasmHost({ isa: 'wasm-strict' });
    const memory = other.createMemory(64);
    // (module (import "a" "b" (func)))
    const greedy = Uint8Array.of(
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...[1, 4, 1, 0x60, 0, 0],
      ...[2, 7, 1, 1, 0x61, 1, 0x62, 0, 0],
    );
    expect(() => other.loadEncoded({ ...encoded, code: greedy }, memory)).toThrow(FileFormatError);
  });
});

describe('the interpreter', () => {
  it('has no code to give or to take', () => {
    using host = createInterpreterHost();
    expect(() => host.encode(KERNELS)).toThrow(CapabilityUnavailableError);
    const encoded = { code: new Uint8Array(0), starts: [], features: [] };
    expect(() => host.loadEncoded(encoded, host.createMemory(64))).toThrow(CapabilityUnavailableError);
  });
});
