import type { Vector } from '../target/target.ts';
import { webAssemblyHost } from './host.ts';
import { encodeModule } from './module.ts';
import { type WasmDialect, WasmTarget } from './target.ts';

/** What the host's WebAssembly can do. */
export interface WasmFeatures {
  /** 128-bit SIMD (WebAssembly 2.0). */
  readonly simd: boolean;
  /** Relaxed SIMD: multiply-add that may be fused. */
  readonly relaxedSimd: boolean;
}

/** Finds out by letting the host validate two tiny modules; takes microseconds and runs nothing. */
export function detectWasmFeatures(): WasmFeatures {
  const host = webAssemblyHost();
  const accepts = (dialect: WasmDialect) => host?.validate(probeModule(dialect)) ?? false;
  return { simd: accepts('strict'), relaxedSimd: accepts('relaxed') };
}

/** `memory[0] += memory[0] * memory[0]` on one vector: the smallest kernel that differs between the dialects. */
function probeModule(dialect: WasmDialect): Uint8Array {
  const target = new WasmTarget(dialect, 1);
  const memory = { base: target.pointerArgument(0), offset: 0 };
  const [vector] = target.vectors('probe', 1) as [Vector];
  target.load(vector, memory);
  target.fma(vector, vector, vector);
  target.store(vector, memory);
  return encodeModule([{ name: 'probe', function: target.finish() }]);
}
