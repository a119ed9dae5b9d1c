import { CapabilityUnavailableError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { emitKernel } from '../src/kernels/families.ts';
import type { Target, Vector } from '../src/target/target.ts';
import { Avx2Target } from '../src/x64/avx2-target.ts';
import { Avx512Target, supportsAvx512 } from '../src/x64/avx512-target.ts';
import { AREA_WORDS, operationCases } from './operation-cases.ts';
import { SAMPLE_KERNELS } from './sample-kernels.ts';
import { findCodeFaults } from './x64-code-faults.ts';
import { Disassembler } from './x64-disassembly.ts';
import { ALL_FEATURES, x64Profiles } from './x64-machine.ts';

const profiles = x64Profiles(ALL_FEATURES);
const avx2Features = profiles.find(({ name }) => name === 'avx2')!.features;

function decode(code: Uint8Array): string[] {
  return [...new Disassembler().decode(code)].map(({ text }) => text);
}

const pushed = (code: Uint8Array) => decode(code).filter((text) => text.startsWith('push')).length;

describe.each(profiles.map((profile) => [profile.name, profile] as const))(
  'code for %s',
  (_name, profile) => {
    const { features, createTarget } = profile;
    const allowed = createTarget() instanceof Avx2Target ? { ...features, ...WITHOUT_AVX512 } : features;

    it('keeps the calling convention and the declared features in every operation', () => {
      // Strict code is looked at where it differs from the other.
      const twin = profiles.find(({ name }) => `${name}-strict` === profile.name);
      for (const { name, program } of operationCases(createTarget().traits)) {
        const code = program(createTarget());
        if (twin && Buffer.compare(code, program(twin.createTarget())) === 0) continue;
        expect(findCodeFaults(code, allowed), name).toEqual([]);
      }
    });

    it.each(Object.entries(SAMPLE_KERNELS))('keeps them in whole kernels: %s', (_kernel, description) => {
      const target = createTarget();
      expect(findCodeFaults(emitKernel(target, description), allowed)).toEqual([]);
    });

    it('saves preserved registers when they are used, and only then', () => {
      for (let pointers = 0; pointers <= 13; pointers++) {
        const target = createTarget();
        for (let i = 0; i < pointers; i++) target.argument(target.pointer(`${i}`), i);
        const code = target.finish();
        expect(pushed(code)).toBe(Math.max(0, pointers - 7));
        expect(findCodeFaults(code, allowed)).toEqual([]);
      }
    });

    it('saves a preserved register that only counts a loop', () => {
      const target = createTarget();
      for (let i = 0; i < 7; i++) target.argument(target.pointer(`${i}`), i);
      target.loop(2, () => target.loopArgument(0, () => {}));
      const code = target.finish();
      expect(pushed(code)).toBe(2);
      expect(findCodeFaults(code, allowed)).toEqual([]);
    });

    it('keeps the counters of the caller inside routines', () => {
      const target = createTarget();
      const pointer = target.pointer('position');
      const routine = target.routine([pointer], () => {
        target.loop(3, () => target.loopArgument(1, () => target.advance(pointer, 4)));
      });
      target.argument(pointer, 0);
      target.loop(5, () => target.call(routine));
      const code = target.finish();
      expect(findCodeFaults(code, allowed)).toEqual([]);
    });

    it('aligns the heads of loops', () => {
      const target = createTarget();
      const [vector] = target.vectors('value', 1) as [Vector];
      for (let i = 0; i < 5; i++) {
        target.splat(vector, { base: target.block, offset: i });
        target.loop(3, () => target.store(vector, { base: target.block, offset: 8 }));
      }
      // More prologue must not move them.
      for (let i = 0; i < 12; i++) target.pointer(`${i}`);
      const backward = decode(target.finish()).flatMap((text) => /^jne short 0x(.*)$/.exec(text)?.[1] ?? []);
      expect(backward).toHaveLength(5);
      for (const head of backward) expect(Number.parseInt(head, 16) % 32).toBe(0);
    });

    it('has a counter and an alignment only where a loop turns at least twice', () => {
      const target = createTarget();
      const [vector] = target.vectors('value', 1) as [Vector];
      target.loop(1, () => target.loop(0, () => target.zero(vector)));
      expect(decode(target.finish())).toEqual(['vzeroupper', 'ret']);
    });

    it('fits a register tile of 6 rows and 2 vectors, with its tails', () => {
      const target = createTarget();
      const accumulators = target.vectors('accumulators', 12);
      const b = target.vectors('b', 2);
      const [splat] = target.vectors('splat', 1) as [Vector];
      const memory = { base: target.block, offset: 0 };
      target.splat(splat, memory);
      for (const [i, accumulator] of accumulators.entries()) {
        target.load(b[i % 2]!, memory, 3);
        target.fma(accumulator, splat, b[i % 2]!);
        target.dot(accumulator, splat, b[i % 2]!);
        target.store(accumulator, memory, 7);
      }
      expect(findCodeFaults(target.finish(), allowed)).toEqual([]);
    });
  },
);

const WITHOUT_AVX512 = {
  avx512f: false,
  avx512bw: false,
  avx512dq: false,
  avx512vl: false,
  avx512Vnni: false,
  avx512Bf16: false,
} as const;

describe('the x86-64 targets', () => {
  it('have an id for every variant, and say what each can do', () => {
    expect(profiles.map(({ name }) => name)).toEqual([
      'avx512-vnni-bf16',
      'avx512-vnni',
      'avx512',
      'avx2-vnni',
      'avx2',
      'avx512-vnni-bf16-strict',
      'avx512-vnni-strict',
      'avx512-strict',
      'avx2-vnni-strict',
      'avx2-strict',
    ]);
    for (const { name, createTarget } of profiles) {
      const { traits } = createTarget();
      expect(traits).toMatchObject({
        id: name,
        lanes: name.startsWith('avx512') ? 16 : 8,
        fmaRounding: name.endsWith('strict') ? 'twice' : 'once',
        dot: name.includes('vnni') ? 'bytes' : 'words',
        dotBfloat16: name.includes('bf16'),
        multiplyBytes: 8,
        pointers: 13,
      });
    }
  });

  it('refuse processors that lack what they are made of', () => {
    expect(supportsAvx512(ALL_FEATURES)).toBe(true);
    for (const name of ['avx2', 'fma', 'f16c'] as const) {
      const features = { ...ALL_FEATURES, [name]: false };
      expect(() => new Avx2Target(features, { strict: false })).toThrow(CapabilityUnavailableError);
      expect(() => new Avx512Target(features, { strict: false })).toThrow(CapabilityUnavailableError);
    }
    for (const name of ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl'] as const) {
      const features = { ...ALL_FEATURES, [name]: false };
      expect(() => new Avx512Target(features, { strict: false })).toThrow(CapabilityUnavailableError);
      expect(supportsAvx512(features)).toBe(false);
      expect(new Avx2Target(features, { strict: false }).traits.lanes).toBe(8);
    }
  });

  it('emit the same bytes for the same kernel', () => {
    for (const { createTarget } of profiles) {
      const entry = operationCases(createTarget().traits)[0]!;
      expect(entry.program(createTarget())).toEqual(entry.program(createTarget()));
    }
  });

  it('prefetch for writing only where the processor can', () => {
    const emit = (target: Target<Uint8Array>) => {
      target.prefetch({ base: target.block, offset: 64 }, true);
      return decode(target.finish())[0];
    };
    const withIt = new Avx2Target(ALL_FEATURES, { strict: false });
    const withoutIt = new Avx2Target({ ...ALL_FEATURES, prefetchw: false }, { strict: false });
    expect(emit(withIt)).toBe('prefetchw [rdi+0x40]');
    expect(emit(withoutIt)).toBe('prefetcht0 [rdi+0x40]');
  });

  it('set up the mask of a tail once, and share one register when a kernel has very many tails', () => {
    const target = new Avx512Target(ALL_FEATURES, { strict: false });
    const [vector] = target.vectors('value', 1) as [Vector];
    const memory = { base: target.block, offset: 0 };
    for (let turn = 0; turn < 3; turn++) {
      for (let lanes = 1; lanes <= 6; lanes++) target.load(vector, memory, lanes);
    }
    for (let lanes = 7; lanes <= 15; lanes++) target.store(vector, memory, lanes);
    const texts = decode(target.finish());
    const setUp = texts.filter((text) => text.startsWith('kmovw'));
    expect(setUp.slice(0, 6)).toEqual([1, 2, 3, 4, 5, 6].map((k) => `kmovw k${k},eax`));
    // A load of one lane, and four and eight lanes, need none.
    expect(setUp.slice(6)).toEqual(Array.from({ length: 6 }, () => 'kmovw k7,eax'));
    expect(texts.filter((text) => text === 'vmovd xmm0,[rdi]')).toHaveLength(3);
    expect(texts.filter((text) => text === 'vmovups xmm0,[rdi]')).toHaveLength(3);
    expect(texts).toContain('vmovups [rdi],ymm0');
  });

  it('on AVX2 store partial vectors in pieces, without masks', () => {
    const target = new Avx2Target(avx2Features, { strict: false });
    const [vector] = target.vectors('value', 1) as [Vector];
    target.store(vector, { base: target.block, offset: 0 }, 7);
    expect(decode(target.finish())).toEqual([
      'vmovups [rdi],xmm0',
      'vextractf128 xmm15,ymm0,0x1',
      'vmovq [rdi+0x10],xmm15',
      'vpextrd [rdi+0x18],xmm15,0x2',
      'vzeroupper',
      'ret',
    ]);
  });

  it('give max and min their operands in the order that keeps NaN and the sign of zero', () => {
    const target = new Avx2Target(avx2Features, { strict: false });
    const [d, a, b] = target.vectors('values', 3) as [Vector, Vector, Vector];
    target.float('max', d, a, b);
    target.float('min', d, a, b);
    expect(decode(target.finish()).slice(0, 2)).toEqual(['vmaxps ymm0,ymm2,ymm1', 'vminps ymm0,ymm2,ymm1']);
  });

  it('emit a kernel of several kilobytes in a fraction of a millisecond', () => {
    const emit = () => {
      const target = new Avx512Target(ALL_FEATURES, { strict: false });
      const vectors = target.vectors('all', 31);
      const pointer = target.pointer('position');
      target.argument(pointer, 0);
      target.loop(10, () => {
        for (let i = 0; i < 1000; i++) {
          if (i % 4 === 0) target.load(vectors[i % 31]!, { base: pointer, offset: i * 64 });
          target.fma(vectors[i % 31]!, vectors[(i * 7) % 31]!, vectors[(i * 5) % 31]!);
        }
        target.advance(pointer, AREA_WORDS);
      });
      return target.finish();
    };
    for (let i = 0; i < 200; i++) emit();
    const samples = Array.from({ length: 50 }, () => {
      const start = performance.now();
      emit();
      return performance.now() - start;
    });
    expect(emit().length).toBeGreaterThan(7000);
    // Measured 0.06 ms in plain Node; the limit leaves room for a busy machine, and still notices work that grows with the square.
    expect(Math.min(...samples)).toBeLessThan(2);
  });
});
