import type { TargetTraits } from '../target/target.ts';

/**
 * How kernels are encoded:
 * - `strict`: 128-bit SIMD of WebAssembly 2.0, the same bits on every host;
 * - `relaxed`: with the host's multiply-add, fused or not;
 * - `relaxed-pairs`: like `relaxed`, in pairs of vectors that V8 can pack to 256 bits. Right without that, but then slower than `relaxed`,
 *   because each pair takes two of the registers.
 */
export type WasmDialect = 'strict' | 'relaxed' | 'relaxed-pairs';

/**
 * Traits of each dialect. The narrowest host (x86-64 before AVX-512) has 16 vector registers, of which V8 keeps one. Engines with
 * relaxed SIMD are new enough not to hoist loads. Addresses beyond the general registers go to the stack at little cost.
 */
export const WASM_TRAITS: Readonly<Record<WasmDialect, TargetTraits>> = {
  strict: {
    id: 'wasm-strict',
    lanes: 4,
    vectors: 15,
    pointers: 16,
    temporaries: { fma: 1, dot: 1, half: 3 },
    fmaRounding: 'twice',
    dot: 'words',
    multiplyBytes: false,
    dotBfloat16: false,
    hoistsLoads: true,
    unroll: 1,
  },
  relaxed: {
    id: 'wasm',
    lanes: 4,
    vectors: 15,
    pointers: 16,
    temporaries: { fma: 0, dot: 1, half: 3 },
    fmaRounding: 'host',
    dot: 'words',
    multiplyBytes: false,
    dotBfloat16: false,
    hoistsLoads: false,
    unroll: 1,
  },
  'relaxed-pairs': {
    id: 'wasm-256',
    lanes: 8,
    vectors: 15,
    pointers: 16,
    temporaries: { fma: 0, dot: 1, half: 3 },
    fmaRounding: 'host',
    dot: 'words',
    multiplyBytes: false,
    dotBfloat16: false,
    hoistsLoads: false,
    unroll: 1,
  },
};
