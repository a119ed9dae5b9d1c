/** @file Random circuits rich in what logical optimisation looks for. */
import { Random } from '@qedge/core';
import { Circuit } from '../../src/index.ts';

/** Toffoli gates, whole and in Clifford and T gates, in pairs and alone; Clifford gates; phases of parities; single rotations. */
export function patternCircuit(seed: number, qubitCount: number, length: number): Circuit {
  const random = new Random(seed);
  const circuit = new Circuit(qubitCount);
  const distinct = (count: number) =>
    random.shuffle(Array.from({ length: qubitCount }, (_, q) => q)).slice(0, count) as [
      number,
      number,
      number,
    ];
  for (let i = 0; i < length; i++) {
    const [a, b, c] = distinct(3);
    switch (random.integer(12)) {
      case 0:
        circuit.ccx(a, b, c);
        break;
      case 1:
        circuit.h(c);
        appendToffoliNetwork(circuit, a, b, c);
        circuit.h(c);
        break;
      case 2:
        // What stands between a pair acts along or across.
        circuit.ccx(a, b, c).cp(random.uniform(), a, distinct(3).find((q) => q !== a)!);
        circuit.cx(c, distinct(3).find((q) => q !== c)!).ccx(b, a, c);
        break;
      case 3:
        circuit.x(a).ccz(a, b, c).x(a).ccz(a, b, c);
        break;
      case 4:
        circuit.ccx(a, b, c).u(random.uniform(), 1, 2, c).ccx(a, b, c);
        break;
      case 5:
        circuit.cswap(a, b, c);
        break;
      case 6:
        circuit.h(a).cx(a, b).s(b).cz(b, c).cx(c, a);
        break;
      case 7:
        circuit.cx(a, b).cx(b, c).rz(random.uniform(), c).cx(b, c).cx(a, b);
        break;
      case 8:
        circuit.cx(a, b).t(b).cx(b, c).tdg(c).cx(a, c);
        break;
      case 9:
        circuit
          .cp(random.uniform(), a, b)
          .cp(random.uniform(), b, c)
          .cp(Math.PI / 2, a, c);
        break;
      case 10:
        circuit.h(a).t(b).swap(b, c);
        break;
      default:
        circuit.cx(a, b).cz(b, c).cx(b, a);
    }
  }
  return circuit;
}

/** A ccz of six cx and seven phases (Nielsen and Chuang, figure 4.9). */
export function appendToffoliNetwork(circuit: Circuit, a: number, b: number, c: number): void {
  circuit.cx(b, c).tdg(c).cx(a, c).t(c).cx(b, c).tdg(c).cx(a, c);
  circuit.t(b).t(c).cx(a, b).t(a).tdg(b).cx(a, b);
}
