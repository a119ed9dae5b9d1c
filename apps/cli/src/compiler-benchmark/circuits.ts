import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Random } from '@qedge/core';
import { Circuit, formatOpenQasm2, parseOpenQasm } from '@qedge/quantum';
import { maxCutAnsatz, quantumFourierTransform } from '../quantum-benchmark/circuits.ts';

/** A circuit to compile. */
export interface BenchmarkCircuit {
  readonly name: string;
  readonly circuit: Circuit;
  /** The same as OpenQASM 2, for other compilers. */
  readonly text: string;
}

/** The OpenQASM 2 programs of a folder, by name; an empty list where there is no such folder. */
export async function readCircuitFolder(folder: string): Promise<BenchmarkCircuit[]> {
  const files = await readdir(folder).catch(() => [] as string[]);
  const programs = files.filter((file) => file.endsWith('.qasm')).sort();
  return Promise.all(
    programs.map(async (file) => {
      const text = await readFile(join(folder, file), 'utf8');
      return { name: basename(file, '.qasm'), circuit: parseOpenQasm(text), text };
    }),
  );
}

/** Circuits of the usual families, made from a seed, so that no compiler can know them. */
export function makeCircuits(seed: number): BenchmarkCircuit[] {
  const random = new Random(seed);
  const circuits: readonly (readonly [string, Circuit])[] = [
    ['made_adder_n12', rippleCarryAdder(5)],
    ['made_adder_n20', rippleCarryAdder(9)],
    ['made_grover_n9', grover(5, 2, random)],
    ['made_qft_n12', quantumFourierTransform(12)],
    ['made_qft_n16', quantumFourierTransform(16)],
    ['made_qaoa_n16', maxCutAnsatz(16, 3, seed)],
    ['made_heisenberg_n16', heisenberg(4, 4, 4)],
    ['made_reversible_n10', randomReversible(10, 120, random)],
    ['made_reversible_n14', randomReversible(14, 300, random)],
    ['made_ucc_n8', pauliExponentials(8, 30, random)],
    ['made_clifford_n12', randomClifford(12, 200, random)],
    ['made_random_n10', randomLayers(10, 20, random)],
    ['made_volume_n8', twoQubitVolume(8, 8, random)],
  ];
  return circuits.map(([name, circuit]) => {
    const text = formatOpenQasm2(circuit);
    return { name, circuit: parseOpenQasm(text), text };
  });
}

/** Adds two registers of `bits` bits in place, with carries in and out (Cuccaro et al., quant-ph/0410184). */
function rippleCarryAdder(bits: number): Circuit {
  const circuit = new Circuit(2 * bits + 2);
  const [a, b] = [(i: number) => 2 * i + 2, (i: number) => 2 * i + 1];
  const carry = (i: number) => (i === 0 ? 0 : a(i - 1));
  for (let i = 0; i < bits; i++) circuit.cx(a(i), b(i)).cx(a(i), carry(i)).ccx(carry(i), b(i), a(i));
  circuit.cx(a(bits - 1), 2 * bits + 1);
  for (let i = bits - 1; i >= 0; i--) circuit.ccx(carry(i), b(i), a(i)).cx(a(i), carry(i)).cx(carry(i), b(i));
  return circuit;
}

/** Rounds of Grover's search for one random number of `bits` bits; conditions are collected on `bits - 1` further qubits. */
function grover(bits: number, rounds: number, random: Random): Circuit {
  const circuit = new Circuit(2 * bits - 1);
  const marked = random.integer(2 ** bits);
  const flipAll = () => {
    circuit.ccx(0, 1, bits);
    for (let i = 2; i < bits; i++) circuit.ccx(i, bits + i - 2, bits + i - 1);
    circuit.z(2 * bits - 2);
    for (let i = bits - 1; i >= 2; i--) circuit.ccx(i, bits + i - 2, bits + i - 1);
    circuit.ccx(0, 1, bits);
  };
  const turn = (isTurned: (bit: number) => boolean) => {
    for (let bit = 0; bit < bits; bit++) if (isTurned(bit)) circuit.x(bit);
  };
  const spread = () => {
    for (let bit = 0; bit < bits; bit++) circuit.h(bit);
  };
  spread();
  for (let round = 0; round < rounds; round++) {
    turn((bit) => ((marked >> bit) & 1) === 0);
    flipAll();
    turn((bit) => ((marked >> bit) & 1) === 0);
    spread();
    turn(() => true);
    flipAll();
    turn(() => true);
    spread();
  }
  return circuit;
}

/** Trotter steps of the Heisenberg model on a grid. */
function heisenberg(rows: number, columns: number, steps: number): Circuit {
  const circuit = new Circuit(rows * columns);
  const bond = (a: number, b: number) => circuit.rxx(0.11, a, b).ryy(0.13, a, b).rzz(0.17, a, b);
  for (let step = 0; step < steps; step++) {
    for (let site = 0; site < rows * columns; site++) {
      if ((site + 1) % columns > 0) bond(site, site + 1);
      if (site + columns < rows * columns) bond(site, site + columns);
    }
    for (let site = 0; site < rows * columns; site++) circuit.rz(0.19, site);
  }
  return circuit;
}

function randomReversible(qubits: number, gates: number, random: Random): Circuit {
  const circuit = new Circuit(qubits);
  for (let gate = 0; gate < gates; gate++) {
    const [a, b, c] = pick(qubits, random) as [number, number, number];
    const kind = random.integer(10);
    if (kind < 6) circuit.ccx(a, b, c);
    else if (kind < 9) circuit.cx(a, b);
    else circuit.x(a);
  }
  return circuit;
}

/** Exponentials of random Pauli strings on up to four qubits, by basis changes and chains of cx: coupled cluster looks like this. */
function pauliExponentials(qubits: number, count: number, random: Random): Circuit {
  const circuit = new Circuit(qubits);
  for (let term = 0; term < count; term++) {
    const chosen = pick(qubits, random).slice(0, 2 + 2 * random.integer(2));
    const letters = chosen.map(() => random.integer(3));
    const change = (back: boolean) =>
      chosen.forEach((qubit, i) => {
        if (letters[i] === 0) circuit.h(qubit);
        if (letters[i] === 1) circuit.rx(back ? -Math.PI / 2 : Math.PI / 2, qubit);
      });
    change(false);
    for (let i = 0; i + 1 < chosen.length; i++) circuit.cx(chosen[i]!, chosen[i + 1]!);
    circuit.rz(random.uniform(), chosen.at(-1)!);
    for (let i = chosen.length - 2; i >= 0; i--) circuit.cx(chosen[i]!, chosen[i + 1]!);
    change(true);
  }
  return circuit;
}

function randomClifford(qubits: number, gates: number, random: Random): Circuit {
  const circuit = new Circuit(qubits);
  for (let gate = 0; gate < gates; gate++) {
    const [a, b] = pick(qubits, random) as [number, number];
    const kind = random.integer(4);
    if (kind === 0) circuit.h(a);
    else if (kind === 1) circuit.s(a);
    else circuit.cx(a, b);
  }
  return circuit;
}

/** Random rotations and cx on random pairs. */
function randomLayers(qubits: number, layers: number, random: Random): Circuit {
  const circuit = new Circuit(qubits);
  for (let layer = 0; layer < layers; layer++) {
    for (let qubit = 0; qubit < qubits; qubit++) appendRandomRotation(circuit, qubit, random);
    const order = pick(qubits, random);
    for (let i = 0; i + 1 < qubits; i += 2) circuit.cx(order[i]!, order[i + 1]!);
  }
  return circuit;
}

/** Quantum Volume, each random two-qubit gate written as three cx and rotations. */
function twoQubitVolume(qubits: number, layers: number, random: Random): Circuit {
  const circuit = new Circuit(qubits);
  for (let layer = 0; layer < layers; layer++) {
    const order = pick(qubits, random);
    for (let i = 0; i + 1 < qubits; i += 2) {
      const [a, b] = [order[i]!, order[i + 1]!];
      for (const qubit of [a, b]) appendRandomRotation(circuit, qubit, random);
      for (let step = 0; step < 3; step++) {
        circuit.cx(a, b);
        for (const qubit of [a, b]) appendRandomRotation(circuit, qubit, random);
      }
    }
  }
  return circuit;
}

function appendRandomRotation(circuit: Circuit, qubit: number, random: Random): void {
  const angle = () => (random.uniform() - 0.5) * 2 * Math.PI;
  circuit.u(angle(), angle(), angle(), qubit);
}

function pick(count: number, random: Random): number[] {
  return random.shuffle(Array.from({ length: count }, (_, index) => index));
}

/** Random gates on neighbours and others of a map of many qubits: how time grows with gates. */
export function scalingCircuit(qubits: number, gates: number, seed: number): Circuit {
  const random = new Random(seed);
  const circuit = new Circuit(qubits);
  while (circuit.instructionCount < gates) {
    const a = random.integer(qubits);
    const near = Math.min(qubits - 1, Math.max(0, a + random.integer(9) - 4));
    const kind = random.integer(3);
    if (kind === 0 && near !== a) circuit.cx(a, near);
    else if (kind === 1) circuit.h(a);
    else circuit.rz(random.uniform(), a);
  }
  return circuit;
}
