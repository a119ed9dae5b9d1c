import { spawnSync } from 'node:child_process';
import { setFlagsFromString } from 'node:v8';
import { type Capability, CapabilityUnavailableError } from '@qedge/core';
import { setArgument } from '../host/argument-block.ts';
import type { Vector } from '../target/target.ts';
import { encodeModule, MEMORY_IMPORT } from '../wasm/module.ts';
import { WasmTarget } from '../wasm/target.ts';
import { requireWebAssembly } from '../wasm/web-assembly.ts';

// V8's revectorizer packs pairs of 128-bit operations into 256-bit AVX2. It is experimental and off by default (V8 13 and newer, x86-64).

/** V8 renamed the flag; which one exists is asked of the executable. */
const FLAG_NAMES = ['experimental-wasm-revectorize', 'wasm-revectorize'] as const;
/** With these, a module is optimised when it is compiled, so that the flag need not stay on until its functions are hot. */
const COMPILE_AT_ONCE = ['--no-liftoff', '--no-wasm-lazy-compilation'];
const COMPILE_LATER = ['--liftoff', '--wasm-lazy-compilation'];
/** The pairs run about three times as fast when they are packed: they fit the registers only then. */
const LEAST_SPEEDUP = 1.4;

let flagName: string | null | undefined;

/** The name of the flag in this executable, or null. Asks once, which takes some 40 ms. */
function revectorizeFlag(): string | null {
  if (flagName !== undefined) return flagName;
  const { stdout } = spawnSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  flagName = FLAG_NAMES.find((name) => (stdout ?? '').includes(`  --${name} `)) ?? null;
  return flagName;
}

/**
 * Runs `work` with V8's revectorizer on, and turns it off again. WebAssembly that is compiled inside is optimised at once (some 20 ms for
 * a hundred kernels) and keeps its 256-bit code, in worker threads too. Flags of the whole process are changed until `work` returns, and
 * are V8's defaults after it; what `work` leaves to a promise is compiled without them.
 *
 * Load each `wasm-256` kernel inside before anywhere else: V8 caches code by the bytes of a module and would serve what it compiled without.
 *
 * @example
 * const kernels = withRevectorizer(() => createWasmHost({ isa: 'wasm-256' }).load(descriptions, memory));
 * @throws CapabilityUnavailableError where the engine has no revectorizer. Whatever `work` throws.
 */
export function withRevectorizer<Result>(work: () => Result): Result {
  const flag = revectorizeFlag();
  if (flag === null) {
    throw new CapabilityUnavailableError('This engine has no WebAssembly revectorizer', {
      expected: 'V8 13 or newer on x86-64',
      actual: `V8 ${process.versions.v8} on ${process.arch}`,
      remedy: 'Use "wasm", or machine code.',
    });
  }
  for (const option of [`--${flag}`, ...COMPILE_AT_ONCE]) setFlagsFromString(option);
  try {
    return work();
  } finally {
    for (const option of [`--no-${flag}`, ...COMPILE_LATER]) setFlagsFromString(option);
  }
}

/**
 * Whether the revectorizer takes effect, by timing one kernel with and without it. Takes about 60 ms, most of it to ask the executable
 * for its flags.
 */
export function detectRevectorizer(): Capability {
  const name = 'wasm-revectorizer';
  if (revectorizeFlag() === null) {
    const reason = `V8 ${process.versions.v8} on ${process.arch} has no flag for it`;
    return { name, available: false, reason, remedy: 'Use Node 24 or newer on x86-64.' };
  }
  // Two depths: modules of the same bytes would share their code.
  const without = nanosecondsPerTurn(compileProbe(500), 500);
  const packed = withRevectorizer(() => compileProbe(501));
  const speedup = without / nanosecondsPerTurn(packed, 501);
  const reason = `the flag --${revectorizeFlag()} makes pairs ${speedup.toFixed(1)} times as fast`;
  const available = speedup >= LEAST_SPEEDUP;
  return { name, available, reason, remedy: available ? null : 'Use "wasm", or machine code.' };
}

const PROBE = { block: 0, data: 64, accumulators: 12 } as const;

/** Multiply-adds on as many pairs as there are 256-bit registers for. */
function compileProbe(turns: number): (block: number) => void {
  const target = new WasmTarget('relaxed-pairs');
  const pointer = target.pointer('data');
  const accumulators = target.vectors('accumulators', PROBE.accumulators);
  const [factor] = target.vectors('factor', 1) as [Vector];
  target.argument(pointer, 0);
  for (const accumulator of accumulators) target.zero(accumulator);
  target.loop(turns, () => {
    target.load(factor, { base: pointer, offset: 0 });
    for (const accumulator of accumulators) target.fma(accumulator, factor, factor);
  });
  for (const [i, accumulator] of accumulators.entries()) {
    target.store(accumulator, { base: pointer, offset: 64 + 32 * i });
  }
  const engine = requireWebAssembly();
  const memory = new engine.Memory({ initial: 1, maximum: 1 });
  setArgument(new DataView(memory.buffer), PROBE.block, 0, PROBE.data);
  const module = new engine.Module(
    encodeModule([{ name: 'probe', kernel: target.finish() }], { shared: false }),
  );
  const imports = { [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory } };
  const run = new engine.Instance(module, imports).exports.probe as (block: number) => void;
  // Long enough that V8 has optimised the kernel that it compiled lazily.
  const end = performance.now() + 5;
  while (performance.now() < end) run(PROBE.block);
  return run;
}

function nanosecondsPerTurn(run: (block: number) => void, turns: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 50; i++) {
    const start = performance.now();
    for (let call = 0; call < 10; call++) run(PROBE.block);
    best = Math.min(best, performance.now() - start);
  }
  return (best * 1e6) / (10 * turns);
}
