import type { Simulator } from '@qedge/quantum';
import { brickwork } from './circuits.ts';

/** How long samples of a random state took. */
export interface SamplingTime {
  readonly qubits: number;
  readonly shots: number;
  readonly threads: number;
  readonly milliseconds: number;
  readonly goalMilliseconds: number;
}

const [QUBITS, SHOTS, GOAL_MILLISECONDS] = [20, 1_000_000, 100];

/** Times a million samples of a random state of 20 qubits, best of `rounds`. */
export function timeSampling(
  simulator: Simulator,
  threads: number,
  rounds: number,
  seed: number,
): SamplingTime {
  using compiled = simulator.compile(brickwork(QUBITS, 8, seed));
  using state = compiled.run();
  let milliseconds = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now();
    state.sample(SHOTS, { seed: seed + round });
    milliseconds = Math.min(milliseconds, performance.now() - begin);
  }
  return { qubits: QUBITS, shots: SHOTS, threads, milliseconds, goalMilliseconds: GOAL_MILLISECONDS };
}
