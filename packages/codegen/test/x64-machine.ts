import type { KernelMemory } from '../src/host/kernel-host.ts';
import { describeCpu } from '../src/native/cpu-features.ts';
import { ExecutableMemory } from '../src/native/executable-memory.ts';
import { MachineMemory } from '../src/native/machine-memory.ts';
import type { Target } from '../src/target/target.ts';
import { Avx2Target } from '../src/x64/avx2-target.ts';
import { Avx512Target } from '../src/x64/avx512-target.ts';
import type { X64Features } from '../src/x64/features.ts';

/** This machine as far as it runs x86-64 code, or the reason why it does not. */
export interface X64Machine {
  readonly features: X64Features;
  /** Places code and returns a function of the address of an argument block. */
  load(code: Uint8Array): (block: number) => void;
  createMemory(byteLength: number): KernelMemory;
}

/** One way to generate code: a target class, whether it is strict, and the features it is told to have. */
export interface X64Profile {
  readonly name: string;
  readonly features: X64Features;
  createTarget(): Target<Uint8Array>;
}

/** Null where no machine code can run; the reason is printed, so that skipped tests are noticed. */
export function openX64Machine(): X64Machine | null {
  try {
    const memory = new ExecutableMemory();
    const { koffi } = memory;
    const { features } = describeCpu(memory);
    const type = koffi.proto('void', ['int64_t']);
    return {
      features,
      createMemory: (byteLength) => new MachineMemory(koffi, byteLength),
      load(code) {
        const placement = memory.place(code);
        if (!placement.placed) throw new Error(placement.reason);
        return koffi.decode(BigInt(placement.address), type) as (block: number) => void;
      },
    };
  } catch (error) {
    console.warn(`x86-64 code is not run: ${(error as Error).message}`);
    return null;
  }
}

/** Every feature that the encoders know. */
export const ALL_FEATURES: X64Features = {
  avx2: true,
  fma: true,
  f16c: true,
  avxVnni: true,
  avx512f: true,
  avx512bw: true,
  avx512dq: true,
  avx512vl: true,
  avx512Vnni: true,
  avx512Bf16: true,
  prefetchw: true,
  bmi2: true,
};

/** Targets with all of `features`, and with fewer, from the top one down; those that `features` do not allow are left out. */
export function x64Profiles(features: X64Features): X64Profile[] {
  const without = (...names: (keyof X64Features)[]): X64Features => {
    return { ...features, ...Object.fromEntries(names.map((name) => [name, false])) };
  };
  const avx512 = [
    features,
    without('avx512Bf16', 'prefetchw', 'bmi2'),
    without('avx512Vnni', 'avxVnni', 'avx512Bf16'),
  ];
  const avx2 = [features, without('avxVnni', 'prefetchw', 'bmi2')];
  const profiles: X64Profile[] = [];
  for (const strict of [false, true]) {
    if (features.avx512f) {
      for (const set of avx512) profiles.push(profile(set, () => new Avx512Target(set, { strict })));
    }
    for (const set of avx2) profiles.push(profile(set, () => new Avx2Target(set, { strict })));
  }
  return profiles.filter(({ name }, index) => profiles.findIndex((other) => other.name === name) === index);
}

function profile(features: X64Features, createTarget: () => Target<Uint8Array>): X64Profile {
  return { name: createTarget().traits.id, features, createTarget };
}
