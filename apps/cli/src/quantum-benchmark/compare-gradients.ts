import { throwIfCancelled, VerificationError } from '@qedge/core';
import { Circuit, PauliSum, parameter, type Simulator } from '@qedge/quantum';
import { bestRatio } from '../kernel-benchmark/best-ratio.ts';
import type { PythonPeer } from '../python-peer.ts';
import { bestOfTurn } from './best-of-turn.ts';
import { rotationChain } from './circuits.ts';
import { plainCircuit } from './plain-circuit.ts';
import { type ComparisonSetting, compareTimes, ownTimes, type QuantumResult } from './quantum-result.ts';

const [QUBITS, LAYERS] = [16, 10];
const GOAL = 5;
/** Both compute in float32; the gradient's entries are sums of 2^16 products. */
const TOLERANCE = 1e-3;

/**
 * Times an expectation value with its adjoint gradient by 320 parameters against PennyLane Lightning, for 1 and 50 Pauli terms; ours alone where
 * Lightning is null.
 */
export async function compareGradients(
  simulator: Simulator,
  lightning: PythonPeer | null,
  options: ComparisonSetting,
): Promise<QuantumResult[]> {
  const numeric = rotationChain(QUBITS, LAYERS, options.seed);
  const { circuit, values } = withParameters(numeric);
  using compiled = simulator.compile(circuit);
  const results: QuantumResult[] = [];
  for (const count of [1, 50]) {
    const terms = pauliTerms(count);
    const observable = PauliSum.fromTerms(terms);
    await lightning?.call('prepare_gradient', { circuit: plainCircuit(numeric), terms });
    const [ours, theirs]: [number[], number[]] = [[], []];
    let gradient: Float64Array = new Float64Array(0);
    for (let round = 0; round < options.rounds; round++) {
      throwIfCancelled(options.signal, 'The benchmark');
      const run = () => {
        const begin = performance.now();
        gradient = compiled.gradient(observable, { parameters: values }).gradient;
        return (performance.now() - begin) / 1000;
      };
      ours.push(await bestOfTurn(run));
      if (lightning !== null) theirs.push(await bestOfTurn(() => lightning.call<number>('run_gradient')));
    }
    const run = {
      group: 'gradient',
      name: `value and adjoint gradient, ${values.length} parameters, ${count} Pauli terms`,
      qubits: QUBITS,
      precision: 'f32',
      threads: options.threads,
      target: options.target,
      goal: GOAL,
      notes: '',
    } as const;
    if (lightning === null) {
      results.push({ ...run, ...ownTimes(ours) });
      continue;
    }
    requireSameGradient(gradient, await lightning.call<number[]>('last_gradient'));
    const times = compareTimes(ours, theirs, bestRatio(ours, theirs, options.seed));
    results.push({ ...run, peer: 'Lightning, complex64', ...times, met: times.ratio >= GOAL });
  }
  return results;
}

/** Every angle becomes a parameter of its own. */
export function withParameters(numeric: Circuit): {
  readonly circuit: Circuit;
  readonly values: Float64Array;
} {
  const circuit = new Circuit(numeric.qubitCount);
  const values: number[] = [];
  for (const instruction of numeric.instructions) {
    if (instruction.kind !== 'gate') throw new Error(`No "${instruction.kind}" was expected`);
    const names = instruction.parameters.map((value) => {
      values.push(value as number);
      return parameter(`t${values.length - 1}`);
    });
    circuit.gate(instruction.name, instruction.qubits, names);
  }
  return { circuit, values: Float64Array.from(values) };
}

/** One Z, or `count` strings of weight 2 of all kinds. */
function pauliTerms(count: number): [string, number][] {
  const place = (letters: readonly (readonly [number, string])[]) => {
    const text = new Array<string>(QUBITS).fill('I');
    for (const [qubit, letter] of letters) text[qubit] = letter;
    return text.join('');
  };
  if (count === 1) return [[place([[0, 'Z']]), 1]];
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = [i % QUBITS, (i + 1 + Math.floor(i / QUBITS)) % QUBITS];
    return [
      place([
        [a, 'XYZ'[i % 3]!],
        [b, 'XYZ'[(i + Math.floor(i / 3)) % 3]!],
      ]),
      0.1 + 0.01 * i,
    ];
  });
}

function requireSameGradient(ours: ArrayLike<number>, theirs: readonly number[]): void {
  for (let i = 0; i < theirs.length; i++) {
    if (Math.abs(ours[i]! - theirs[i]!) <= TOLERANCE) continue;
    throw new VerificationError(`The derivative by parameter ${i} differs from Lightning's`, {
      expected: theirs[i],
      actual: ours[i],
    });
  }
}
