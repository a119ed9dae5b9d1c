// What a page does in the browser tests; its functions are called by name from outside.
import { createStateVectorSimulator, type StateVectorOptions } from '../src/index.ts';
import { entangledTransform } from './entangled-transform.ts';

/** What a page found. */
export interface PageReport {
  readonly isolated: boolean;
  readonly target: string;
  readonly threads: number;
  /** `[2^qubits, 2]`, interleaved. */
  readonly amplitudes: number[];
  /** Counts of sampled outcomes. */
  readonly counts: Readonly<Record<string, number>>;
}

async function simulate(qubitCount: number, shots: number, options: StateVectorOptions): Promise<PageReport> {
  using simulator = await createStateVectorSimulator(options);
  using compiled = simulator.compile(entangledTransform(qubitCount));
  using state = compiled.run();
  const { counts } = await compiled.sample(shots, { seed: 7 });
  return {
    isolated: (globalThis as { readonly crossOriginIsolated?: boolean }).crossOriginIsolated === true,
    target: simulator.target,
    threads: simulator.threads,
    amplitudes: Array.from(state.amplitudes()),
    counts: { ...counts },
  };
}

/** Runs with one thread and with two. @returns how many threads there were, and how many numbers of the two states differ. */
async function compareThreads(
  qubitCount: number,
  precision: 'f32' | 'f64',
): Promise<{ readonly threads: number[]; readonly differences: number }> {
  using alone = await createStateVectorSimulator({ precision });
  using shared = await createStateVectorSimulator({ precision, threads: 2 });
  const circuit = entangledTransform(qubitCount);
  using expected = alone.run(circuit);
  using actual = shared.run(circuit);
  const [a, b] = [expected.amplitudes(), actual.amplitudes()];
  const differences = a.reduce((sum, value, index) => sum + (Object.is(value, b[index]) ? 0 : 1), 0);
  return { threads: [alone.threads, shared.threads], differences };
}

Object.assign(globalThis, { simulate, compareThreads, ready: true });
