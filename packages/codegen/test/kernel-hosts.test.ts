import './relaxed-simd.ts';
import {
  CapabilityUnavailableError,
  InvalidArgumentError,
  UseAfterReleaseError,
  VerificationError,
} from '@qedge/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { chooseKernelHost, type KernelHostCandidate } from '../src/host/kernel-host-choice.ts';
import { VerifiedKernels } from '../src/host/verified-kernels.ts';
import {
  createInterpreterHost,
  createKernelHost,
  createWasmHost,
  detectWasmFeatures,
  emitKernel,
  InterpreterTarget,
  type Isa,
  type KernelDescription,
  type KernelHost,
  kernelKey,
  kernelTrial,
  MEMORY_ALIGNMENT,
  type Target,
} from '../src/index.ts';
import { wasmTraits } from '../src/wasm/traits.ts';
import { whyNotWasm } from '../src/wasm/wasm-host.ts';

const PEAK: KernelDescription = { kind: 'peak', operation: 'fma', turns: 5 };
const DOT: KernelDescription = { kind: 'peak', operation: 'dot', turns: 7 };

const HOSTS: readonly (readonly [string, () => KernelHost])[] = [
  ['wasm-strict', () => createWasmHost({ isa: 'wasm-strict' })],
  ['wasm', () => createWasmHost({ isa: 'wasm' })],
  ['wasm-256', () => createWasmHost({ isa: 'wasm-256' })],
  ['wasm-strict on shared memory', () => createWasmHost({ isa: 'wasm-strict', shared: true })],
  ['interpreter', () => createInterpreterHost()],
  ['interpreter of 16 lanes and bytes', () => createInterpreterHost({ lanes: 16, dot: 'bytes' })],
];

afterEach(() => vi.unstubAllEnvs());

describe.each(HOSTS)('the host %s', (name, create) => {
  it('gives zeroed memory that is aligned and does not start at address 0', () => {
    using host = create();
    for (const byteLength of [0, 1, 65536, 200_000]) {
      const memory = host.createMemory(byteLength);
      expect(memory.byteLength).toBeGreaterThanOrEqual(byteLength);
      expect(memory.address).toBeGreaterThan(0);
      expect(memory.address % MEMORY_ALIGNMENT).toBe(0);
      expect(memory.byteOffset + memory.byteLength).toBeLessThanOrEqual(memory.buffer.byteLength);
      expect(new Uint8Array(memory.buffer).every((byte) => byte === 0)).toBe(true);
      expect(memory.buffer instanceof SharedArrayBuffer).toBe(name.includes('shared'));
    }
    for (const bad of [-1, 0.5, Number.NaN]) {
      expect(() => host.createMemory(bad)).toThrow(InvalidArgumentError);
    }
    expect(() => host.createMemory(2 ** 52)).toThrow(CapabilityUnavailableError);
  });

  it('loads kernels in the order of their descriptions, bound to the memory', () => {
    using host = create();
    for (const order of [[PEAK, DOT, PEAK], [DOT], [PEAK, DOT]]) {
      const memory = host.createMemory(4096);
      const kernels = host.load(order, memory);
      expect(kernels.map((kernel) => kernel.key)).toEqual(order.map(kernelKey));
      for (const [i, kernel] of kernels.entries()) {
        const trial = kernelTrial(order[i]!, host.traits, 'all', 3);
        kernel.run(trial.prepare(memory));
        expect(trial.findError(memory)).toBeNull();
        expect(kernel.portable !== null).toBe(name.includes('shared'));
      }
    }
  });

  it('reaches the last byte of its memory and nothing beyond', () => {
    using host = create();
    const memory = host.createMemory(4096);
    const trial = kernelTrial(PEAK, host.traits, 'all', 3);
    const [kernel] = host.load([PEAK], memory);
    // The trial, moved to the end of the memory; then to where it does not fit any more.
    const shift = memory.byteLength - trial.byteLength;
    const end = {
      ...memory,
      buffer: memory.buffer,
      byteOffset: memory.byteOffset + shift,
      byteLength: trial.byteLength,
      address: memory.address + shift,
    };
    kernel!.run(trial.prepare(end));
    expect(trial.findError(end)).toBeNull();
    expect(() => kernel!.run(memory.address + memory.byteLength - 4)).toThrow();
  });

  it('loads nothing after dispose, and keeps what was loaded', () => {
    const host = create();
    const memory = host.createMemory(4096);
    const [kernel] = host.load([PEAK], memory);
    host.dispose();
    host.dispose();
    expect(() => host.load([PEAK], memory)).toThrow(UseAfterReleaseError);
    expect(() => host.createMemory(1)).toThrow(UseAfterReleaseError);
    const trial = kernelTrial(PEAK, host.traits, 'all', 3);
    kernel!.run(trial.prepare(memory));
    expect(trial.findError(memory)).toBeNull();
  });

  it('refuses impossible descriptions', () => {
    using host = create();
    const memory = host.createMemory(4096);
    expect(() => host.load([{ ...PEAK, turns: 0 } as KernelDescription], memory)).toThrow(
      InvalidArgumentError,
    );
    const strange = { kind: 'fourier' } as unknown as KernelDescription;
    expect(() => host.load([strange], memory)).toThrow(/fourier/);
  });
});

describe('a WebAssembly host', () => {
  it('refuses the memory of another kind of host', () => {
    using host = createWasmHost();
    using shared = createWasmHost({ shared: true });
    using interpreter = createInterpreterHost();
    expect(() => host.load([PEAK], interpreter.createMemory(64))).toThrow(InvalidArgumentError);
    expect(() => host.load([PEAK], shared.createMemory(64))).toThrow(InvalidArgumentError);
    expect(() => shared.load([PEAK], host.createMemory(64))).toThrow(InvalidArgumentError);
  });

  it('reaches 4 GiB', () => {
    using host = createWasmHost({ isa: 'wasm-strict' });
    const memory = host.createMemory(2 ** 32 - MEMORY_ALIGNMENT);
    const trial = kernelTrial(PEAK, host.traits, 'all', 3);
    const shift = memory.byteLength - trial.byteLength;
    const end = {
      buffer: memory.buffer,
      byteOffset: memory.byteOffset + shift,
      byteLength: trial.byteLength,
      address: memory.address + shift,
    };
    const [kernel] = host.load([PEAK], memory);
    kernel!.run(trial.prepare(end));
    expect(trial.findError(end)).toBeNull();
    expect(() => host.createMemory(2 ** 32)).toThrow(CapabilityUnavailableError);
  });

  it('gives workers all that they need to run a kernel', () => {
    using host = createWasmHost({ shared: true });
    const [kernel] = host.load([PEAK], host.createMemory(64));
    expect(kernel!.portable).toMatchObject({ kind: 'wasm', name: kernelKey(PEAK) });
    expect(() => structuredClone(kernel!.portable)).not.toThrow();
  });

  it('says why it cannot be', () => {
    expect(whyNotWasm('wasm-strict', { simd: false, relaxedSimd: false })).toMatch(/SIMD/);
    expect(whyNotWasm('wasm', { simd: true, relaxedSimd: false })).toMatch(/relaxed/);
    expect(whyNotWasm('wasm-256', { simd: true, relaxedSimd: false })).toMatch(/relaxed/);
    expect(whyNotWasm('wasm-strict', { simd: true, relaxedSimd: false })).toBeNull();
    expect(() => createWasmHost({ isa: 'avx2' as 'wasm' })).toThrow(InvalidArgumentError);
  });
});

describe('the traits of WebAssembly', () => {
  it('tell engines that hoist loads from others, by name too, so that no tuning is taken from one to the other', () => {
    const { hoistsLoads } = detectWasmFeatures();
    expect(hoistsLoads).toBe(Number(process.versions.v8.split('.')[0]) < 13);
    const names = (['strict', 'relaxed', 'relaxed-pairs'] as const).flatMap((dialect) =>
      [false, true].map((hoists) => {
        const traits = wasmTraits(dialect, hoists);
        expect(traits.hoistsLoads).toBe(hoists);
        return traits.id;
      }),
    );
    expect(new Set(names).size).toBe(6);
    expect(createWasmHost({ isa: 'wasm-strict' }).traits).toEqual(wasmTraits('strict', hoistsLoads));
  });
});

describe('an interpreter host', () => {
  it('refuses to imitate what no target is', () => {
    expect(() => createInterpreterHost({ lanes: 5 as 4 })).toThrow(InvalidArgumentError);
    expect(() => createInterpreterHost({ dot: 'nibbles' as 'words' })).toThrow(InvalidArgumentError);
  });
});

describe('the check before the first use', () => {
  const host = createInterpreterHost();
  const { traits } = host;

  /** The kernel, emitted with one operation replaced. */
  function mutated(change: (target: Target<unknown>) => void) {
    const target = new InterpreterTarget(traits);
    change(target as Target<unknown>);
    return emitKernel(target, PEAK);
  }

  function verify(kernel: ReturnType<typeof mutated>, checked = new VerifiedKernels(host)): unknown {
    try {
      checked.verify(PEAK, kernel);
      return null;
    } catch (error) {
      return error;
    }
  }

  it('passes right code, once', () => {
    const checked = new VerifiedKernels(host);
    const bind = vi.fn(mutated(() => {}));
    checked.verify(PEAK, bind);
    checked.verify(PEAK, bind);
    expect(bind).toHaveBeenCalledTimes(1);
  });

  it('refuses a kernel that computes something else, every time, and names it', () => {
    const wrong = mutated((target) => {
      target.fma = target.fnma.bind(target);
    });
    const checked = new VerifiedKernels(host);
    for (let i = 0; i < 2; i++) {
      const error = verify(wrong, checked) as VerificationError;
      expect(error).toBeInstanceOf(VerificationError);
      expect(error.facts).toMatchObject({ key: kernelKey(PEAK), isa: 'interpreter' });
      expect(error.message).toMatch(/lane 0: expected/);
      expect(error.remedy).toMatch(/QEDGE_ISA/);
    }
  });

  it('refuses a kernel that stops', () => {
    const stopping = mutated((target) => {
      const load = target.load.bind(target);
      target.load = (destination, { base }) => load(destination, { base, offset: 2 ** 30 });
    });
    const error = verify(stopping) as VerificationError;
    expect(error).toBeInstanceOf(VerificationError);
    expect(error.cause).toBeInstanceOf(RangeError);
  });

  it('refuses a kernel that forgets to start at zero', () => {
    expect(verify(mutated((target) => Object.assign(target, { zero: () => {} })))).toBeInstanceOf(
      VerificationError,
    );
  });
});

describe('the choice of a host', () => {
  const order = ['avx512', 'avx2', 'wasm', 'wasm-strict', 'interpreter'] as const;
  const strictOnes: readonly Isa[] = ['avx512', 'avx2', 'wasm-strict', 'interpreter'];

  function candidates(present: readonly Isa[], automatic: readonly Isa[] = order): KernelHostCandidate[] {
    return order.map((isa) => ({
      isa,
      strict: strictOnes.includes(isa),
      automatic: automatic.includes(isa),
      create() {
        if (present.includes(isa)) return { isa } as KernelHost;
        throw new CapabilityUnavailableError(`${isa} is not there`);
      },
    }));
  }

  it('takes the first that is there and says why not those before', () => {
    const { host, fallbacks } = chooseKernelHost(
      candidates(['wasm', 'wasm-strict', 'interpreter']),
      {},
      undefined,
    );
    expect(host.isa).toBe('wasm');
    expect(fallbacks).toEqual([
      { from: 'avx512', to: 'wasm', why: 'avx512 is not there' },
      { from: 'avx2', to: 'wasm', why: 'avx2 is not there' },
    ]);
  });

  it('does not call a fallback what the request excludes', () => {
    expect(
      chooseKernelHost(candidates(order), { strict: true, isa: 'wasm-strict' }, undefined).fallbacks,
    ).toEqual([]);
    const noMachineCode = candidates(['wasm', 'wasm-strict'], ['wasm', 'wasm-strict']);
    expect(chooseKernelHost(noMachineCode, { strict: true }, undefined)).toMatchObject({
      host: { isa: 'wasm-strict' },
      fallbacks: [],
    });
  });

  it('obeys the option before the environment, and the environment before speed', () => {
    const all = candidates(order);
    expect(chooseKernelHost(all, {}, 'avx2').host.isa).toBe('avx2');
    expect(chooseKernelHost(all, { isa: 'interpreter' }, 'avx2').host.isa).toBe('interpreter');
    expect(chooseKernelHost(all, {}, undefined).host.isa).toBe('avx512');
  });

  it('reads "wasm" in the environment as the best that WebAssembly offers, in the option as exactly that', () => {
    const old = candidates(['wasm-strict', 'interpreter']);
    expect(chooseKernelHost(old, {}, 'wasm')).toMatchObject({
      host: { isa: 'wasm-strict' },
      fallbacks: [{ from: 'wasm', to: 'wasm-strict' }],
    });
    expect(() => chooseKernelHost(old, { isa: 'wasm' }, undefined)).toThrow(CapabilityUnavailableError);
    expect(chooseKernelHost(candidates(order), { strict: true }, 'wasm').host.isa).toBe('wasm-strict');
  });

  it('refuses unknown names, and what cannot be strict', () => {
    expect(() => chooseKernelHost(candidates(order), {}, 'neon')).toThrow(/QEDGE_ISA.*neon/);
    expect(() => chooseKernelHost(candidates(order), { isa: 'neon' as Isa }, undefined)).toThrow(
      InvalidArgumentError,
    );
    expect(() => chooseKernelHost(candidates(order), { isa: 'wasm', strict: true }, undefined)).toThrow(
      InvalidArgumentError,
    );
  });

  it('passes on every error that is not the absence of a capability', () => {
    const [first, ...rest] = candidates(order);
    const broken: KernelHostCandidate = {
      ...first!,
      create() {
        throw new TypeError('broken');
      },
    };
    expect(() => chooseKernelHost([broken, ...rest], {}, undefined)).toThrow(TypeError);
  });

  it('finds WebAssembly here, and reads QEDGE_ISA', () => {
    vi.stubEnv('QEDGE_ISA', '');
    expect(createKernelHost().host.isa).toBe('wasm');
    expect(createKernelHost({ strict: true })).toMatchObject({
      host: { isa: 'wasm-strict', strict: true },
      fallbacks: [],
    });
    expect(createKernelHost({ isa: 'wasm-256' }).host.traits.lanes).toBe(8);
    vi.stubEnv('QEDGE_ISA', 'interpreter');
    expect(createKernelHost({ shared: true })).toMatchObject({
      host: { isa: 'interpreter' },
      fallbacks: [{ from: 'shared memory', to: 'private memory' }],
    });
    vi.stubEnv('QEDGE_ISA', 'avx512');
    expect(() => createKernelHost()).toThrow(/@qedge\/codegen\/node/);
  });
});
