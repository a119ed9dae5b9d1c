/** @file Runs one pass on a circuit, and compares what circuits do. */
import { Random, systemClock } from '@qedge/core';
import {
  allToAllTarget,
  Circuit,
  type CompilationState,
  createReferenceSimulator,
  type Pass,
  type Target,
} from '@qedge/quantum';
import { expect } from 'vitest';

/** The state after a pass. */
export async function stateAfter(
  pass: Pass,
  circuit: Circuit,
  target: Target = allToAllTarget(Math.max(1, circuit.qubitCount)),
  more: Partial<CompilationState> = {},
): Promise<CompilationState> {
  const start: CompilationState = {
    circuit,
    target,
    interactions: null,
    initialLayout: null,
    finalLayout: null,
    properties: new Map(),
    ...more,
  };
  return pass.run(start, { random: new Random(0), clock: systemClock, deadlineMs: Number.POSITIVE_INFINITY });
}

/** The circuit after a pass. */
export async function runPass(pass: Pass, circuit: Circuit, target?: Target): Promise<Circuit> {
  return (await stateAfter(pass, circuit, target)).circuit;
}

/** A random product state on every qubit, then the circuit with random values for its parameters. */
function started(circuit: Circuit, names: readonly string[], seed: number): Circuit {
  const random = new Random(seed);
  const start = new Circuit(circuit.qubitCount, circuit.clbitCount);
  for (let qubit = 0; qubit < circuit.qubitCount; qubit++) {
    start.u(random.uniform() * 3, random.uniform() * 6, random.uniform() * 6, qubit);
  }
  const values = names.map((name) => [name, random.normal() * 3] as const);
  return start.compose(
    circuit.bind(Object.fromEntries(values.filter(([name]) => circuit.parameterNames.includes(name)))),
  );
}

/** One minus the fidelity of what two unitary circuits make of the same random product states; the worst of `trials`. */
export function infidelity(a: Circuit, b: Circuit, trials = 2): number {
  const simulator = createReferenceSimulator();
  const names = [...new Set([...a.parameterNames, ...b.parameterNames])];
  let worst = 0;
  for (let seed = 0; seed < trials; seed++) {
    using first = simulator.run(started(a, names, seed));
    using second = simulator.run(started(b, names, seed));
    const missing = 1 - first.fidelity(second);
    // NaN must not pass for small.
    if (!(missing <= worst)) worst = missing;
  }
  return worst;
}

/** Unitary circuits do the same up to a global phase: amplitudes agree to about 1e-10 after some hundred gates. */
export function expectSameUnitary(a: Circuit, b: Circuit, trials = 2): void {
  expect(infidelity(a, b, trials)).toBeLessThan(1e-9);
}

/** Everything is in a basis. */
export function expectInBasis(circuit: Circuit, gates: readonly string[]): void {
  for (const instruction of circuit.instructions) {
    if (instruction.kind === 'gate') expect(gates).toContain(instruction.name);
    else
      expect([
        'measure',
        'reset',
        'barrier',
        'delay',
        'if',
        'for',
        'while',
        'switch',
        'assign',
        'break',
        'continue',
      ]).toContain(instruction.kind);
  }
}
