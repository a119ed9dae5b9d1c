import type { FlatProgram, Step } from './flatten-circuit.ts';
import type { ProgramLayout } from './program-layout.ts';

/** Qubits as bits of a number. */
const MOST_QUBITS = 31;

/** Which qubits matter behind each step for what is sampled; null where nothing is measured before the end. */
export function liveAfter({ program, final, places, activeCount }: ProgramLayout): Uint32Array | null {
  if (!program.steps.some(({ kind }) => kind === 'measure' || kind === 'reset')) return null;
  return liveQubits(
    program,
    activeCount,
    final.map(({ qubit }) => places[qubit]!),
  );
}

/**
 * For every step the qubits that something behind it may still touch, as a mask: the equations of liveness (Aho et al., Compilers, 9.2.5),
 * solved backwards until nothing changes. Null for more qubits than a mask has bits.
 *
 * @param atEnd qubits that are needed when the program has ended.
 */
function liveQubits(
  { steps }: FlatProgram,
  qubitCount: number,
  atEnd: readonly number[],
): Uint32Array | null {
  if (qubitCount > MOST_QUBITS) return null;
  const uses = steps.map(usedQubits);
  const end = maskOf(atEnd);
  const after = new Uint32Array(steps.length);
  for (let changed = true; changed; ) {
    changed = false;
    for (let index = steps.length - 1; index >= 0; index--) {
      let live = 0;
      for (const next of followers(steps[index]!, index)) {
        live |= next === steps.length ? end : after[next]! | uses[next]!;
      }
      if (live >>> 0 === after[index]) continue;
      after[index] = live;
      changed = true;
    }
  }
  return after;
}

function usedQubits(step: Step): number {
  switch (step.kind) {
    case 'segment':
      return step.instructions.reduce((mask, { qubits }) => mask | maskOf(qubits), 0);
    case 'measure':
    case 'reset':
      return maskOf([step.qubit]);
    case 'prepare':
      return maskOf(step.qubits);
    default:
      return 0;
  }
}

function maskOf(qubits: readonly number[]): number {
  let mask = 0;
  for (const qubit of qubits) if (qubit >= 0) mask |= 1 << qubit;
  return mask;
}

/** The steps that may come next; the number of steps stands for the end. */
function followers(step: Step, index: number): readonly number[] {
  switch (step.kind) {
    case 'jump':
      return [step.to];
    case 'branch':
    case 'next-round':
      return [index + 1, step.to];
    case 'switch':
      return [...step.targets.values(), step.otherwise];
    default:
      return [index + 1];
  }
}
