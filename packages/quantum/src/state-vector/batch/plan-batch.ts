import { countBits, listBits } from '../planner/bits.ts';
import type { BatchCircuit, BatchGate } from './batch-circuit.ts';

/** What a row is multiplied with: a unit, or its conjugate. */
export interface RowFactor {
  readonly unit: number;
  readonly isConjugate: boolean;
}

/** What happens to the rows of a block: row `r` is where bit `i` of `r` is the value of wire `wires[i]`. */
export type BatchStep =
  | { readonly kind: 'rotate'; readonly axis: 'x' | 'y'; readonly position: number; readonly unit: number }
  /** For each row its factors. */
  | { readonly kind: 'phases'; readonly rows: readonly (readonly RowFactor[])[] }
  /** Inverts a position in the rows that have all bits of a mask. */
  | { readonly kind: 'not'; readonly controls: number; readonly position: number };

/** Some gates that need no more wires than registers hold rows of. */
export interface BatchKernel {
  readonly wires: readonly number[];
  readonly steps: readonly BatchStep[];
}

/** Vector instructions per row. */
const COSTS: Readonly<Record<BatchGate['kind'], number>> = {
  rotate: 4,
  phase: 1,
  parity: 2,
  diagonal: 2,
  not: 1,
};

/**
 * Divides a circuit into kernels, one after the other: each takes the gates of those wires for which there is most to do.
 *
 * @param blockQubits most wires of a kernel.
 * @returns null where a gate needs more wires than that.
 */
export function planBatch({ gates, qubitCount }: BatchCircuit, blockQubits: number): BatchKernel[] | null {
  const masks = gates.map(wiresOf);
  const size = Math.min(blockQubits, qubitCount);
  if (masks.some((mask) => countBits(mask) > size)) return null;
  const blocks = Array.from({ length: 2 ** qubitCount }, (_, mask) => mask).filter(
    (mask) => countBits(mask) === size,
  );
  const kernels: BatchKernel[] = [];
  for (let left = gates.map((_, index) => index); left.length > 0; ) {
    let [best, most] = [0, -1];
    const first = masks[left[0]!]!;
    for (const block of blocks) {
      // With the first gate there is always something to do.
      if ((block & first) !== first) continue;
      let work = 0;
      takeGates(left, masks, block, (gate) => {
        work += COSTS[gates[gate]!.kind];
      });
      if (work > most) [best, most] = [block, work];
    }
    const writer = new KernelWriter(listBits(best));
    left = takeGates(left, masks, best, (gate) => writer.add(gates[gate]!));
    kernels.push(writer.finish());
  }
  return kernels;
}

/** Visits the gates on some wires that need none of the others before; returns those that are left. */
function takeGates(
  gates: readonly number[],
  masks: readonly number[],
  block: number,
  visit: (gate: number) => void,
): number[] {
  const left: number[] = [];
  let blocked = ~block;
  for (const gate of gates) {
    const mask = masks[gate]!;
    if ((mask & blocked) === 0) visit(gate);
    else {
      blocked |= mask;
      left.push(gate);
    }
  }
  return left;
}

function wiresOf(gate: BatchGate): number {
  switch (gate.kind) {
    case 'rotate':
      return 1 << gate.wire;
    case 'diagonal':
      return gate.wires.reduce((mask, wire) => mask | (1 << wire), 0);
    case 'not':
      return gate.controls | (1 << gate.wire);
    default:
      return gate.mask;
  }
}

/** Collects the steps of a kernel; phases that follow each other, or could, become one step. */
class KernelWriter {
  readonly #wires: readonly number[];
  readonly #steps: BatchStep[] = [];
  #pending: RowFactor[][];
  /** Positions that pending phases depend on. */
  #touched = 0;

  constructor(wires: readonly number[]) {
    this.#wires = wires;
    this.#pending = this.#noFactors();
  }

  add(gate: BatchGate): void {
    switch (gate.kind) {
      case 'rotate': {
        const position = this.#wires.indexOf(gate.wire);
        this.#settle(1 << position);
        this.#steps.push({ kind: 'rotate', axis: gate.axis, position, unit: gate.unit });
        return;
      }
      case 'not': {
        const position = this.#wires.indexOf(gate.wire);
        this.#settle(1 << position);
        this.#steps.push({ kind: 'not', controls: this.#toPositions(gate.controls), position });
        return;
      }
      case 'phase': {
        const mask = this.#toPositions(gate.mask);
        this.#multiply(mask, (row) =>
          (row & mask) === mask ? { unit: gate.unit, isConjugate: false } : null,
        );
        return;
      }
      case 'parity': {
        const mask = this.#toPositions(gate.mask);
        this.#multiply(mask, (row) => ({ unit: gate.unit, isConjugate: countBits(row & mask) % 2 === 0 }));
        return;
      }
      case 'diagonal': {
        const positions = gate.wires.map((wire) => this.#wires.indexOf(wire));
        this.#multiply(this.#toPositions(wiresOf(gate)), (row) => {
          const index = positions.reduce((sum, position, bit) => sum | (((row >> position) & 1) << bit), 0);
          return { unit: gate.firstUnit + index, isConjugate: false };
        });
      }
    }
  }

  finish(): BatchKernel {
    this.#settle(-1);
    return { wires: this.#wires, steps: this.#steps };
  }

  #multiply(mask: number, factorOf: (row: number) => RowFactor | null): void {
    this.#touched |= mask;
    this.#pending.forEach((factors, row) => {
      const factor = factorOf(row);
      if (factor !== null) factors.push(factor);
    });
  }

  /** Phases on a position come before what mixes its values. */
  #settle(positions: number): void {
    const isEmpty = this.#pending.every(({ length }) => length === 0);
    if (isEmpty || (positions !== -1 && (this.#touched & positions) === 0)) return;
    this.#steps.push({ kind: 'phases', rows: this.#pending });
    this.#pending = this.#noFactors();
    this.#touched = 0;
  }

  #noFactors(): RowFactor[][] {
    return Array.from({ length: 2 ** this.#wires.length }, () => []);
  }

  #toPositions(mask: number): number {
    return this.#wires.reduce((sum, wire, position) => sum | (((mask >> wire) & 1) << position), 0);
  }
}
