import './relaxed-simd.ts';
import { Random, UseAfterReleaseError } from '@qedge/core';
import { afterAll, describe, expect, it } from 'vitest';
import { Circuit } from '../src/circuit/circuit.ts';
import type { Instruction } from '../src/circuit/instruction.ts';
import { parameter } from '../src/circuit/parameter.ts';
import { PauliSum } from '../src/operator/pauli-sum.ts';
import { createStateVectorSimulator } from '../src/simulation/native-state-vector-simulator.ts';
import type { QuantumState } from '../src/simulation/quantum-state.ts';
import { createReferenceSimulator } from '../src/simulation/state-simulator.ts';
import { randomCircuit } from '../src/testing/index.ts';
import { stateMachines } from './state-machines.ts';

const reference = createReferenceSimulator();
afterAll(() => reference.dispose());

/** Angles of gates become parameters, every third one an expression. */
function withParameters(circuit: Circuit): Circuit {
  const result = new Circuit(circuit.qubitCount);
  let count = 0;
  for (const instruction of circuit.instructions) {
    if (instruction.kind !== 'gate') result.append(instruction);
    else {
      const parameters = instruction.parameters.map((angle) => {
        const name = parameter(`t${count++}`);
        if (count % 3 === 0) return name.times(-0.5).plus(angle).value;
        return count % 7 === 0 ? name.times(name).value : name;
      });
      result.append({ ...instruction, parameters } as Instruction);
    }
  }
  return result;
}

/** Gates that a batch takes: all but dense matrices on two qubits and phases on many. */
function libraryCircuit(random: Random, qubitCount: number, length: number): Circuit {
  const circuit = new Circuit(qubitCount);
  while (circuit.instructions.length < length) {
    const [instruction] = randomCircuit(random, qubitCount, 1).instructions;
    if (instruction!.kind === 'unitary' || instruction!.qubits.length > 2) continue;
    circuit.append(instruction!);
  }
  return circuit;
}

function randomVectors(random: Random, width: number, count: number): Float64Array {
  // Some angles are many turns, some exactly quarters of one.
  const angle = () => {
    const kind = random.integer(8);
    if (kind === 0) return (random.uniform() - 0.5) * 200;
    return kind === 1 ? (random.integer(9) - 4) * (Math.PI / 2) : (random.uniform() - 0.5) * 12;
  };
  return Float64Array.from({ length: width * count }, angle);
}

const isas = [...new Set((await stateMachines()).map(({ isa }) => isa))];
const COUNT = 70;

describe.each(isas)('batches on %s', (isa) => {
  it.each(['f32', 'f64'] as const)('give the states of the reference in %s', async (precision) => {
    using simulator = await createStateVectorSimulator({ isa, precision });
    const random = new Random(11);
    const checked = isa === 'interpreter' ? [3] : [1, 2, 3, 5, 8];
    for (const qubitCount of checked) {
      const circuit = withParameters(libraryCircuit(random, qubitCount, 6 * qubitCount + 4));
      using compiled = simulator.compile(circuit);
      using plain = reference.compile(circuit);
      const width = circuit.parameterNames.length;
      const vectors = randomVectors(random, width, COUNT);
      const { compileSeconds } = compiled.timings;
      const order: number[] = [];
      compiled.runBatch(vectors, (state, index) => {
        order.push(index);
        if (index % 9 !== 0 && index < COUNT - 2) return;
        using expected = plain.run({ parameters: vectors.subarray(width * index, width * (index + 1)) });
        const [a, b] = [state.amplitudes(), expected.amplitudes()];
        const worst = a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
        // Squares of angles, up to 1e4, are rounded to 1e-12.
        const tolerance = precision === 'f32' ? 4e-6 : 1e-11;
        expect(worst, `${qubitCount} qubits, vector ${index}`).toBeLessThan(tolerance);
      });
      expect(order).toEqual(Array.from({ length: COUNT }, (_, index) => index));
      // There is code of its own for batches.
      expect(compiled.timings.compileSeconds).toBeGreaterThan(compileSeconds);
    }
  });
});

describe('batches', () => {
  it('give each vector the same bits wherever it stands and however many threads there are', async () => {
    const random = new Random(5);
    const circuit = withParameters(libraryCircuit(random, 6, 40));
    const width = circuit.parameterNames.length;
    const vectors = randomVectors(random, width, COUNT);
    const turned = new Float64Array(vectors.length);
    for (let index = 0; index < COUNT; index++) {
      const to = (index + 13) % COUNT;
      turned.set(vectors.subarray(width * index, width * (index + 1)), width * to);
    }
    const states: Float64Array[] = [];
    {
      using simulator = await createStateVectorSimulator({ precision: 'f32' });
      using compiled = simulator.compile(circuit);
      compiled.runBatch(vectors, (state) => states.push(state.amplitudes()));
    }
    using simulator = await createStateVectorSimulator({ precision: 'f32', threads: 2 });
    using compiled = simulator.compile(circuit);
    compiled.runBatch(turned, (state, index) => {
      expect(state.amplitudes()).toEqual(states[(index + COUNT - 13) % COUNT]);
    });
  });

  it('reduce angles of any size', async () => {
    using simulator = await createStateVectorSimulator({ precision: 'f64' });
    using compiled = simulator.compile(new Circuit(1).ry(parameter('a'), 0));
    const angles = Float64Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? 1 : -1) * 1.7 ** (6 * i - 100));
    compiled.runBatch(angles, (state, index) => {
      const half = angles[index]! / 2;
      // Quarter turns are subtracted to 2^-85 of their number, up to 2^20; others as the host's sine is.
      expect(Math.abs(state.amplitude(0)[0] - Math.cos(half))).toBeLessThan(1e-15);
      expect(Math.abs(state.amplitude(1)[0] - Math.sin(half))).toBeLessThan(1e-15);
    });
  });

  it('take circuits too that are run one after the other: of many qubits, with matrices and wide phases', async () => {
    using simulator = await createStateVectorSimulator({ precision: 'f64' });
    const random = new Random(3);
    const matrix = new Circuit(2).h(0).cx(0, 1).ry(0.3, 1).toMatrix();
    for (const circuit of [
      withParameters(libraryCircuit(random, 11, 40)),
      new Circuit(3).ry(parameter('a'), 0).unitary(matrix, [0, 2]),
      new Circuit(5)
        .h(0)
        .h(1)
        .h(2)
        .h(3)
        .h(4)
        .append({
          kind: 'gate',
          name: 'mcp',
          qubits: [0, 1, 2, 3, 4],
          parameters: [parameter('a')],
        }),
    ]) {
      using compiled = simulator.compile(circuit);
      const width = circuit.parameterNames.length;
      const vectors = Float64Array.from({ length: 64 * width }, () => random.uniform());
      compiled.runBatch(vectors, (state, index) => {
        if (index !== 63) return;
        using single = compiled.run({ parameters: vectors.subarray(63 * width) });
        expect(state.fidelity(single)).toBeCloseTo(1, 12);
      });
    }
  });

  it('lend states that answer like any others', async () => {
    using simulator = await createStateVectorSimulator({ precision: 'f32' });
    // Of six qubits, one idle, two exchanged at the end.
    const circuit = new Circuit(6).ry(parameter('a'), 0).cx(0, 3).rx(parameter('b'), 4).swap(4, 5);
    using compiled = simulator.compile(circuit);
    const energy = PauliSum.fromTerms([
      ['IIIIIY', 1],
      ['ZIIZII', 0.5],
    ]);
    const vectors = Float64Array.from({ length: 128 }, (_, i) => i / 10);
    compiled.runBatch(vectors, (state, index) => {
      const b = vectors[2 * index + 1]!;
      expect(state.expectation(energy)).toBeCloseTo(-Math.sin(b) + 0.5, 5);
      expect(state.probabilities([5])[1]).toBeCloseTo(Math.sin(b / 2) ** 2, 5);
      expect(state.normSquared()).toBeCloseTo(1, 5);
    });
  });

  it('may be run inside of one another', async () => {
    using simulator = await createStateVectorSimulator({ precision: 'f64' });
    using compiled = simulator.compile(new Circuit(2).ry(parameter('a'), 0).cx(0, 1));
    const angles = Float64Array.from({ length: 64 }, (_, i) => i / 10);
    const seen = (start: number) => (state: QuantumState, index: number) => {
      expect(Math.abs(state.amplitude(3)[0] - Math.sin((start + angles[index]!) / 2))).toBeLessThan(1e-14);
    };
    for (let round = 0; round < 2; round++) {
      compiled.runBatch(angles, (state, index) => {
        if (index % 30 === 0) {
          compiled.runBatch(
            angles.map((angle) => 1 + angle),
            seen(1),
          );
        }
        seen(0)(state, index);
      });
    }
  });

  it('end with an error when the circuit is disposed in their midst', async () => {
    using simulator = await createStateVectorSimulator({ precision: 'f32' });
    const compiled = simulator.compile(new Circuit(2).ry(parameter('a'), 0).cx(0, 1));
    const run = () => compiled.runBatch(new Float64Array(64), () => compiled.dispose());
    expect(run).toThrow(UseAfterReleaseError);
    expect(run).toThrow(UseAfterReleaseError);
  });
});
