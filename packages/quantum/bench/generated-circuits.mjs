/** @file Circuits made from a seed, of families that compilers meet: none of them was used to choose a setting. */

/** Numbers in [0, 1) from a seed. */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @returns `{ name, circuit }` of each family, in two sizes. */
export function generateCircuits(Circuit, seed) {
  const random = randomNumbers(seed);
  const families = {
    reversible: (n, k) => reversibleNetwork(new Circuit(n), random, k),
    adder: (n) => rippleAdder(new Circuit(2 * n + 2), n),
    grover: (n) => grover(new Circuit(n), random),
    qft: (n) => fourierTransform(new Circuit(n)),
    qaoa: (n, k) => maxcutLayers(new Circuit(n), random, k),
    dense: (n) => maxcutLayers(new Circuit(n), random, (n * (n - 1)) / 2),
    pauli: (n, k) => pauliEvolutions(new Circuit(n), random, k),
    clifford: (n, k) => cliffordGates(new Circuit(n), random, k),
    random: (n, k) => randomGates(new Circuit(n), random, k),
    heisenberg: (n) => heisenbergSteps(new Circuit(n)),
  };
  const sizes = {
    reversible: [
      [5, 30],
      [8, 80],
      [12, 150],
    ],
    adder: [[3], [8]],
    grover: [[4], [6]],
    qft: [[6], [12], [20]],
    qaoa: [
      [10, 15],
      [16, 32],
    ],
    dense: [[7], [12]],
    pauli: [
      [5, 10],
      [8, 24],
    ],
    clifford: [
      [5, 40],
      [10, 120],
    ],
    random: [
      [5, 40],
      [10, 120],
    ],
    heisenberg: [[8], [16]],
  };
  return Object.entries(sizes).flatMap(([family, list]) =>
    list.map((size) => ({ name: `${family} ${size.join(' ')}`, circuit: families[family](...size) })),
  );
}

function distinct(random, n, count) {
  const chosen = [];
  while (chosen.length < count) {
    const qubit = Math.floor(random() * n);
    if (!chosen.includes(qubit)) chosen.push(qubit);
  }
  return chosen;
}

/** x, cx and Toffoli gates; every second Toffoli gate in Clifford and T gates, as libraries of reversible circuits have it. */
function reversibleNetwork(circuit, random, count) {
  for (let i = 0; i < count; i++) {
    const [a, b, c] = distinct(random, circuit.qubitCount, 3);
    const kind = random();
    if (kind < 0.1) circuit.x(a);
    else if (kind < 0.5) circuit.cx(a, b);
    else if (i % 2) circuit.ccx(a, b, c);
    else expandedToffoli(circuit, a, b, c);
  }
  return circuit;
}

function expandedToffoli(circuit, a, b, c) {
  circuit.h(c).cx(b, c).tdg(c).cx(a, c).t(c).cx(b, c).tdg(c).cx(a, c);
  circuit.t(b).t(c).h(c).cx(a, b).t(a).tdg(b).cx(a, b);
}

/** Cuccaro, Draper, Kutin and Moulton 2004. */
function rippleAdder(circuit, n) {
  const [a, b] = [(i) => 1 + 2 * i, (i) => 2 + 2 * i];
  const carry = (i) => (i === 0 ? 0 : a(i - 1));
  for (let i = 0; i < n; i++) circuit.cx(a(i), b(i)).cx(a(i), carry(i)).ccx(carry(i), b(i), a(i));
  circuit.cx(a(n - 1), 2 * n + 1);
  for (let i = n - 1; i >= 0; i--) circuit.ccx(carry(i), b(i), a(i)).cx(a(i), carry(i)).cx(carry(i), b(i));
  return circuit;
}

function grover(circuit, random) {
  const all = Array.from({ length: circuit.qubitCount }, (_, q) => q);
  const flip = () => circuit.h(all.at(-1)).gate('mcx', all).h(all.at(-1));
  for (const q of all) circuit.h(q);
  for (let round = 0; round < 2; round++) {
    const zeros = all.filter(() => random() < 0.5);
    for (const q of zeros) circuit.x(q);
    flip();
    for (const q of zeros) circuit.x(q);
    for (const q of all) circuit.h(q).x(q);
    flip();
    for (const q of all) circuit.x(q).h(q);
  }
  return circuit;
}

function fourierTransform(circuit) {
  const n = circuit.qubitCount;
  for (let i = 0; i < n; i++) {
    circuit.h(i);
    for (let j = i + 1; j < n; j++) circuit.cp(Math.PI / 2 ** (j - i), j, i);
  }
  return circuit;
}

function maxcutLayers(circuit, random, edgeCount) {
  const n = circuit.qubitCount;
  const edges = [];
  while (edges.length < edgeCount) {
    const [a, b] = distinct(random, n, 2);
    if (!edges.some(([c, d]) => (a === c && b === d) || (a === d && b === c))) edges.push([a, b]);
  }
  for (let q = 0; q < n; q++) circuit.h(q);
  for (let layer = 0; layer < 2; layer++) {
    const [gamma, beta] = [random(), random()];
    for (const [a, b] of edges) circuit.cx(a, b).rz(gamma, b).cx(a, b);
    for (let q = 0; q < n; q++) circuit.rx(beta, q);
  }
  return circuit;
}

/** Exponentials of random Pauli strings, as unitary coupled clusters have them. */
function pauliEvolutions(circuit, random, count) {
  for (let i = 0; i < count; i++) {
    const qubits = distinct(random, circuit.qubitCount, 2 + Math.floor(random() * 3));
    const letters = qubits.map(() => 'XYZ'[Math.floor(random() * 3)]);
    const enter = (inverse) =>
      qubits.forEach((q, k) => {
        if (letters[k] === 'X') circuit.h(q);
        if (letters[k] === 'Y') circuit.rx(inverse ? -Math.PI / 2 : Math.PI / 2, q);
      });
    enter(false);
    for (let k = 1; k < qubits.length; k++) circuit.cx(qubits[k - 1], qubits[k]);
    circuit.rz(random() * 2, qubits.at(-1));
    for (let k = qubits.length - 1; k > 0; k--) circuit.cx(qubits[k - 1], qubits[k]);
    enter(true);
  }
  return circuit;
}

function cliffordGates(circuit, random, count) {
  for (let i = 0; i < count; i++) {
    const [a, b] = distinct(random, circuit.qubitCount, 2);
    const kind = Math.floor(random() * 4);
    if (kind === 0) circuit.h(a);
    else if (kind === 1) circuit.s(a);
    else if (kind === 2) circuit.cx(a, b);
    else circuit.cz(a, b);
  }
  return circuit;
}

function randomGates(circuit, random, count) {
  for (let i = 0; i < count; i++) {
    const [a, b] = distinct(random, circuit.qubitCount, 2);
    circuit.u(random() * 3, random() * 6, random() * 6, a).u(random() * 3, random() * 6, random() * 6, b);
    circuit.cx(a, b);
  }
  return circuit;
}

function heisenbergSteps(circuit) {
  const n = circuit.qubitCount;
  for (let step = 0; step < 3; step++) {
    for (const parity of [0, 1]) {
      for (let q = parity; q + 1 < n; q += 2)
        circuit
          .rxx(0.2, q, q + 1)
          .ryy(0.2, q, q + 1)
          .rzz(0.2, q, q + 1);
    }
    for (let q = 0; q < n; q++) circuit.rz(0.1, q);
  }
  return circuit;
}
