import type { Vector } from '../target/target.ts';
import { encodeModule } from './module.ts';
import { WasmTarget } from './target.ts';
import type { WasmDialect } from './traits.ts';
import { webAssembly } from './web-assembly.ts';

/** What the host's WebAssembly can do. */
export interface WasmFeatures {
  /** 128-bit SIMD (WebAssembly 2.0). */
  readonly simd: boolean;
  /** Relaxed SIMD: multiply-add that may be fused, and products of bytes. */
  readonly relaxedSimd: boolean;
  /** Whether the optimiser moves the loads of a loop turn to its start, as V8 does in Node 20 and 22. */
  readonly hoistsLoads: boolean;
}

/**
 * Finds out by letting the host validate two tiny modules; takes microseconds and runs nothing. Engines that move loads are told by
 * their age: those without `RegExp.escape` are older than V8 13.6, Firefox 134 and Safari 18.2.
 */
export function detectWasmFeatures(): WasmFeatures {
  const engine = webAssembly();
  const accepts = (dialect: WasmDialect) => engine?.validate(probeModule(dialect)) ?? false;
  const isOld = (RegExp as { readonly escape?: unknown }).escape === undefined;
  return { simd: accepts('strict'), relaxedSimd: accepts('relaxed'), hoistsLoads: isOld };
}

/** `vector += vector * vector` at address 0, and every operation that only the dialect has: the smallest kernel that tells them apart. */
function probeModule(dialect: WasmDialect): Uint8Array {
  const target = new WasmTarget(dialect);
  const memory = { base: target.block, offset: 0 };
  const [vector] = target.vectors('probe', 1) as [Vector];
  target.load(vector, memory);
  target.fma(vector, vector, vector);
  if (target.traits.multiplyBytes > 0) target.multiplyBytes(vector, vector, vector);
  target.store(vector, memory);
  return encodeModule([{ name: 'probe', kernel: target.finish() }], { shared: false });
}
