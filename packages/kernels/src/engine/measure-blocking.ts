import { type KernelDescription, type KernelHost, kernelTrial } from '@qedge/codegen';

/** How long a search may take, generating and checking its kernels included. The candidate under way is finished. */
export const TUNING_MILLISECONDS = 10;

/** How long one candidate is run for. */
const SAMPLE_MILLISECONDS = 0.3;
const LEAST_RUNS = 3;
const SEED = 1;
/** A later candidate must be faster by this factor than the best so far: the order of candidates knows more than one measurement. */
const LEAST_GAIN = 1.02;

/**
 * Runs candidates on random data, the most promising first, until the time is over, and returns the index of the fastest. Each is
 * checked against the reference when it is loaded.
 *
 * @param candidates kernels for the same work; at least one.
 * @param nowMilliseconds a clock.
 */
export function fastestCandidate(
  host: KernelHost,
  candidates: readonly KernelDescription[],
  nowMilliseconds: () => number = () => performance.now(),
): number {
  const end = nowMilliseconds() + TUNING_MILLISECONDS;
  let [fastest, best] = [0, Number.POSITIVE_INFINITY];
  for (const [index, description] of candidates.entries()) {
    if (index > 0 && nowMilliseconds() >= end) break;
    const duration = measureKernel(host, description, nowMilliseconds);
    if (duration * LEAST_GAIN < best) [fastest, best] = [index, duration];
  }
  return fastest;
}

/** Milliseconds of the fastest of a few runs. */
function measureKernel(host: KernelHost, description: KernelDescription, now: () => number): number {
  const trial = kernelTrial(description, host.traits, 'sample', SEED);
  const memory = host.createMemory(trial.byteLength);
  const [kernel] = host.load([description], memory);
  const block = trial.prepare(memory);
  kernel!.run(block);
  const end = now() + SAMPLE_MILLISECONDS;
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < LEAST_RUNS || now() < end; run++) {
    const start = now();
    kernel!.run(block);
    best = Math.min(best, now() - start);
  }
  return best;
}
