import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Circuit, createReferenceSimulator, PauliSum, type PauliTerm, parameter } from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { sharedDirectory } from './shared-data.ts';

interface Graph {
  readonly n: number;
  readonly edges: readonly (readonly [number, number, number])[];
  readonly qaoa_reference: Record<string, { expected_cut: number; gammas: number[]; betas: number[] }>;
}

const maxcut = sharedDirectory('maxcut');
const files = maxcut === null ? [] : readdirSync(maxcut).filter((file) => /_n1[02]_/.test(file));

/** The alternating circuit `prod exp(-i beta sum X) exp(-i gamma C)` on the uniform superposition, C the cut's weight. */
function alternatingCircuit(qubits: number, edges: Graph['edges'], depth: number): Circuit {
  const circuit = new Circuit(qubits);
  for (let q = 0; q < qubits; q++) circuit.h(q);
  for (let k = 0; k < depth; k++) {
    // C = sum w (1 - ZZ) / 2, so exp(-i gamma C) is rzz(-gamma w) up to a phase.
    for (const [a, b, w] of edges) circuit.rzz(parameter(`gamma${k}`).times(-w), a, b);
    for (let q = 0; q < qubits; q++) circuit.rx(parameter(`beta${k}`).times(2), q);
  }
  return circuit;
}

describe.skipIf(maxcut === null)('published QAOA values', () => {
  it.each(files)('of %s are reproduced, at stationary points', (file) => {
    const {
      n: qubits,
      edges,
      qaoa_reference,
    } = JSON.parse(readFileSync(join(maxcut!, file), 'utf8')) as Graph;
    const cut = PauliSum.fromTerms(
      edges.flatMap(([a, b, w]): PauliTerm[] => [
        ['I'.repeat(qubits), w / 2],
        [Array.from({ length: qubits }, (_, q) => (q === a || q === b ? 'Z' : 'I')).join(''), -w / 2],
      ]),
    );
    for (const [depth, { expected_cut, gammas, betas }] of Object.entries(qaoa_reference)) {
      const circuit = alternatingCircuit(qubits, edges, Number(depth.replace(/\D/g, '')));
      const values: Record<string, number> = {};
      for (const [k, gamma] of gammas.entries()) values[`gamma${k}`] = gamma;
      for (const [k, beta] of betas.entries()) values[`beta${k}`] = beta;
      using compiled = createReferenceSimulator().compile(circuit);
      // The stored values carry about ten digits.
      expect(compiled.expectation(cut, { parameters: values })).toBeCloseTo(expected_cut, 7);
      const { gradient } = compiled.gradient(cut, { parameters: values });
      expect(Math.max(...gradient.map(Math.abs))).toBeLessThan(1e-3);
    }
  });
});
