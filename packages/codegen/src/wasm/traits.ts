import type { FloatElement, TargetTraits } from '../target/target.ts';

/**
 * How kernels are encoded:
 * - `strict`: 128-bit SIMD of WebAssembly 2.0, the same bits on every host;
 * - `relaxed`: with the host's multiply-add, fused or not, and with products of bytes;
 * - `relaxed-pairs`: like `relaxed`, in pairs of vectors that V8 can pack to 256 bits. Right without that, but then slower than `relaxed`,
 *   because each pair takes two of the registers.
 */
export type WasmDialect = 'strict' | 'relaxed' | 'relaxed-pairs';

const TRAITS = {
  element: 'float32',
  vectors: 15,
  pointers: 16,
  dot: 'words',
  dotBfloat16: false,
  hoistsLoads: false,
  unroll: 1,
} as const;

/**
 * Traits of each dialect on a current engine. The narrowest host (x86-64 before AVX-512) has 16 vector registers, of which V8 keeps
 * one. Addresses beyond the general registers go to the stack at little cost.
 */
export const WASM_TRAITS: Readonly<Record<WasmDialect, TargetTraits>> = {
  strict: {
    ...TRAITS,
    id: 'wasm-strict',
    lanes: 4,
    multiplyBytes: 0,
    temporaries: { fma: 1, dot: 1, half: 3 },
    fmaRounding: 'twice',
  },
  relaxed: {
    ...TRAITS,
    id: 'wasm',
    lanes: 4,
    multiplyBytes: 7,
    temporaries: { fma: 0, dot: 1, half: 3 },
    fmaRounding: 'host',
  },
  'relaxed-pairs': {
    ...TRAITS,
    id: 'wasm-256',
    lanes: 8,
    multiplyBytes: 7,
    temporaries: { fma: 0, dot: 1, half: 3 },
    fmaRounding: 'host',
  },
};

/** Traits of a dialect on an engine that moves loads, or does not: what is best there has a name of its own. */
export function wasmTraits(
  dialect: WasmDialect,
  hoistsLoads: boolean,
  element: FloatElement = 'float32',
): TargetTraits {
  const traits = element === 'float32' ? WASM_TRAITS[dialect] : onFloat64(WASM_TRAITS[dialect]);
  return hoistsLoads ? { ...traits, id: `${traits.id}-hoisting`, hoistsLoads } : traits;
}

function onFloat64(traits: TargetTraits): TargetTraits {
  return { ...traits, id: `${traits.id}-float64`, element: 'float64', lanes: traits.lanes / 2 };
}
