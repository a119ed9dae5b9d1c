import { Random } from '@qedge/core';
import { Circuit } from '@qedge/quantum';

/** Random one-qubit gates and CX on neighbours, `depth` layers: what hardware-efficient and random circuits look like. */
export function brickwork(qubitCount: number, depth: number, seed: number): Circuit {
  const random = new Random(seed);
  const circuit = new Circuit(qubitCount);
  for (let layer = 0; layer < depth; layer++) {
    appendRandomRotations(circuit, random);
    for (let qubit = layer % 2; qubit + 1 < qubitCount; qubit += 2) circuit.cx(qubit, qubit + 1);
  }
  return circuit;
}

/** Random one-qubit gates and CX on random pairs, `depth` layers. */
export function randomPairs(qubitCount: number, depth: number, seed: number): Circuit {
  const random = new Random(seed);
  const circuit = new Circuit(qubitCount);
  for (let layer = 0; layer < depth; layer++) {
    appendRandomRotations(circuit, random);
    const order = shuffled(qubitCount, random);
    for (let i = 0; i + 1 < qubitCount; i += 2) circuit.cx(order[i]!, order[i + 1]!);
  }
  return circuit;
}

/** The quantum Fourier transform with its final swaps. */
export function quantumFourierTransform(qubitCount: number): Circuit {
  const circuit = new Circuit(qubitCount);
  for (let target = qubitCount - 1; target >= 0; target--) {
    circuit.h(target);
    for (let control = target - 1; control >= 0; control--)
      circuit.cp(Math.PI / 2 ** (target - control), control, target);
  }
  for (let qubit = 0; qubit < qubitCount >> 1; qubit++) circuit.swap(qubit, qubitCount - 1 - qubit);
  return circuit;
}

/** QAOA for the largest cut of a random 3-regular graph: `layers` times `rzz` on its edges and `rx` on its vertices. */
export function maxCutAnsatz(qubitCount: number, layers: number, seed: number): Circuit {
  const random = new Random(seed);
  const edges = randomRegularGraph(qubitCount, 3, random);
  const circuit = new Circuit(qubitCount);
  for (let qubit = 0; qubit < qubitCount; qubit++) circuit.h(qubit);
  for (let layer = 0; layer < layers; layer++) {
    const [gamma, beta] = [random.uniform() * Math.PI, random.uniform() * Math.PI];
    for (const [a, b] of edges) circuit.rzz(gamma, a, b);
    for (let qubit = 0; qubit < qubitCount; qubit++) circuit.rx(beta, qubit);
  }
  return circuit;
}

/** First-order Trotter steps of the transverse-field Ising chain. */
export function isingTrotter(qubitCount: number, steps: number): Circuit {
  const circuit = new Circuit(qubitCount);
  for (let step = 0; step < steps; step++) {
    for (let qubit = 0; qubit + 1 < qubitCount; qubit++) circuit.rzz(0.2, qubit, qubit + 1);
    for (let qubit = 0; qubit < qubitCount; qubit++) circuit.rx(0.3, qubit);
  }
  return circuit;
}

/** Random two-qubit unitaries on random pairs: Quantum Volume (Cross et al., Physical Review A 100, 032328, 2019). */
export function quantumVolume(qubitCount: number, depth: number, seed: number): Circuit {
  const random = new Random(seed);
  const circuit = new Circuit(qubitCount);
  for (let layer = 0; layer < depth; layer++) {
    const order = shuffled(qubitCount, random);
    for (let i = 0; i + 1 < qubitCount; i += 2)
      circuit.unitary(randomUnitary(4, random), [order[i]!, order[i + 1]!]);
  }
  return circuit;
}

/** `layers` of Ry and Rz on every qubit and a chain of CX, one angle each: an ansatz with `2 * qubitCount * layers` parameters. */
export function rotationChain(qubitCount: number, layers: number, seed: number): Circuit {
  const random = new Random(seed);
  const circuit = new Circuit(qubitCount);
  for (let layer = 0; layer < layers; layer++) {
    for (let qubit = 0; qubit < qubitCount; qubit++) {
      circuit.ry(random.uniform() * Math.PI, qubit).rz(random.uniform() * Math.PI, qubit);
    }
    for (let qubit = 0; qubit + 1 < qubitCount; qubit++) circuit.cx(qubit, qubit + 1);
  }
  return circuit;
}

/**
 * The circuit behind an `ry` by a random angle on every qubit. From |0...0> alone, gates at the start of some circuits do nothing or only
 * prepare pairs of qubits, which a simulator that knows its initial state need not execute; of a general state they have to be.
 */
export function onProductState(circuit: Circuit, seed: number): Circuit {
  const random = new Random(seed);
  const { qubitCount } = circuit;
  const whole = new Circuit(qubitCount);
  for (let qubit = 0; qubit < qubitCount; qubit++) whole.ry(random.uniform() * Math.PI, qubit);
  return whole.appendCircuit(circuit);
}

function appendRandomRotations(circuit: Circuit, random: Random): void {
  for (let qubit = 0; qubit < circuit.qubitCount; qubit++) {
    circuit.u(
      random.uniform() * Math.PI,
      random.uniform() * 2 * Math.PI,
      random.uniform() * 2 * Math.PI,
      qubit,
    );
  }
}

function shuffled(count: number, random: Random): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let i = count - 1; i > 0; i--) {
    const j = random.uint32() % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Random pairings of `degree` copies of every vertex, until one has neither loops nor double edges. */
function randomRegularGraph(count: number, degree: number, random: Random): [number, number][] {
  for (;;) {
    const ends = shuffled(count * degree, random).map((end) => end % count);
    const edges = new Map<number, [number, number]>();
    for (let i = 0; i + 1 < ends.length; i += 2) {
      const [a, b] = [Math.min(ends[i]!, ends[i + 1]!), Math.max(ends[i]!, ends[i + 1]!)];
      if (a !== b) edges.set(a * count + b, [a, b]);
    }
    if (edges.size === (count * degree) >> 1) return [...edges.values()];
  }
}

/** A unitary from Gaussian columns made orthonormal (Gram-Schmidt): interleaved, row-major. */
function randomUnitary(size: number, random: Random): Float64Array {
  const columns: Float64Array[] = [];
  while (columns.length < size) {
    const column = Float64Array.from({ length: 2 * size }, () => random.normal());
    for (const other of columns) {
      let [re, im] = [0, 0];
      for (let i = 0; i < 2 * size; i += 2) {
        re += other[i]! * column[i]! + other[i + 1]! * column[i + 1]!;
        im += other[i]! * column[i + 1]! - other[i + 1]! * column[i]!;
      }
      for (let i = 0; i < 2 * size; i += 2) {
        column[i]! -= re * other[i]! - im * other[i + 1]!;
        column[i + 1]! -= re * other[i + 1]! + im * other[i]!;
      }
    }
    const norm = Math.hypot(...column);
    columns.push(column.map((value) => value / norm));
  }
  const matrix = new Float64Array(2 * size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      matrix[2 * (row * size + column)] = columns[column]![2 * row]!;
      matrix[2 * (row * size + column) + 1] = columns[column]![2 * row + 1]!;
    }
  }
  return matrix;
}
