import { Random } from '@qedge/core';
import {
  COEFFICIENT_NUMBERS,
  type RegisterKernel,
  type RotationAxis,
  type StateLayout,
  type Sweep,
  type SweepShape,
  type TableReference,
  type VectorOperation,
  type VectorProgram,
} from '../src/state-vector/vector-program.ts';

/** A valid program with its tables; every number has a magnitude near 1, so that amplitudes neither vanish nor overflow. */
export interface RandomProgram {
  readonly program: VectorProgram;
  readonly tables: readonly number[];
}

const KINDS = [
  'set-rows',
  'rotate-rows',
  'rotate-lanes',
  'rotate-phase',
  'multiply-phases',
  'multiply-factors',
  'multiply-matrix',
  'scale',
] as const;

/** Programs of a few sweeps and kernels with operations of all kinds, on tiles in place and through scratch memory. */
export function randomVectorProgram(seed: number, layout: StateLayout, shape: SweepShape): RandomProgram {
  return new ProgramMaker(seed, layout, shape).make();
}

class ProgramMaker {
  readonly #random: Random;
  readonly #layout: StateLayout;
  readonly #shape: SweepShape;
  readonly #tables: number[] = [];

  constructor(seed: number, layout: StateLayout, shape: SweepShape) {
    this.#random = new Random(seed);
    this.#layout = layout;
    this.#shape = shape;
  }

  make(): RandomProgram {
    const sweeps = Array.from({ length: 1 + this.#below(3) }, () => this.#sweep());
    const program = { layout: this.#layout, sweeps, tableLength: this.#tables.length };
    return { program, tables: this.#tables };
  }

  #below(count: number): number {
    return this.#random.uint32() % count;
  }

  #axis(): RotationAxis {
    return this.#below(2) === 0 ? 'x' : 'y';
  }

  #some(values: readonly number[], most: number): number[] {
    const left = [...values];
    const count = this.#below(Math.min(most, left.length) + 1);
    return Array.from({ length: count }, () => left.splice(this.#below(left.length), 1)[0]!);
  }

  #sweep(): Sweep {
    const { qubitCount, laneQubits } = this.#layout;
    const lanes = Array.from({ length: laneQubits }, (_, qubit) => qubit);
    const upper = Array.from({ length: qubitCount - laneQubits }, (_, i) => laneQubits + i);
    const inPlace = this.#below(2) === 0;
    const chosen = inPlace
      ? upper.slice(0, this.#below(upper.length + 1))
      : this.#some(upper, upper.length).sort((a, b) => a - b);
    const tileQubits = [...lanes, ...chosen];
    const kernels = Array.from({ length: 1 + this.#below(4) }, () => this.#kernel(tileQubits));
    return { tileQubits, inPlace, kernels };
  }

  #kernel(tileQubits: readonly number[]): RegisterKernel {
    const upper = tileQubits.slice(this.#layout.laneQubits);
    const blockQubits = this.#some(upper, this.#shape.blockQubits).sort((a, b) => a - b);
    const operations: VectorOperation[] = [];
    const wanted = 1 + this.#below(5);
    while (operations.length < wanted) {
      const operation = this.#operation(KINDS[this.#below(KINDS.length)]!, blockQubits);
      if (operation !== null) operations.push(operation);
    }
    return { blockQubits, operations };
  }

  /** A table whose entries are `numbers` long, rounded up to a power of two, and full of what `value` gives. */
  #table(
    blockQubits: readonly number[],
    numbers: number,
    value: () => number,
    indexed = true,
  ): TableReference {
    const { qubitCount, laneQubits } = this.#layout;
    const indices = Array.from({ length: qubitCount - laneQubits }, (_, i) => laneQubits + i).filter(
      (qubit) => !blockQubits.includes(qubit),
    );
    const indexQubits = indexed && this.#below(3) > 0 ? this.#some(indices, 4) : [];
    const parity = this.#below(2) === 0;
    const entryLength = 2 ** Math.ceil(Math.log2(numbers));
    const start = this.#tables.length;
    const length = entryLength * (parity ? 2 : 2 ** indexQubits.length);
    for (let i = 0; i < Math.ceil(length / 16) * 16; i++) this.#tables.push(value());
    return { start, indexQubits, parity, entryLength };
  }

  #operation(kind: (typeof KINDS)[number], blockQubits: readonly number[]): VectorOperation | null {
    const rows = 2 ** blockQubits.length;
    const lanes = 2 ** this.#layout.laneQubits;
    const tangent = () => 1.6 * this.#random.uniform() - 0.8;
    const signs = this.#below(2 ** rows);
    const trivialRows = this.#below(3) === 0 ? this.#below(2 ** rows) : 0;
    const width = this.#below(2) === 0 ? 'vector' : 'splat';
    const widthNumbers = width === 'vector' ? lanes : 1;
    switch (kind) {
      case 'set-rows':
        return { kind, table: this.#table(blockQubits, 2 * lanes, tangent) };
      case 'rotate-rows': {
        if (blockQubits.length === 0) return null;
        const position = this.#below(blockQubits.length);
        const table = this.#table(blockQubits, widthNumbers, tangent);
        return { kind, axis: this.#axis(), position, table, width, signs };
      }
      case 'rotate-lanes':
        return {
          kind,
          axis: this.#axis(),
          lane: this.#below(this.#layout.laneQubits),
          table: this.#table(blockQubits, lanes, tangent),
          signs,
        };
      case 'rotate-phase':
        return { kind, table: this.#table(blockQubits, widthNumbers, tangent), width, signs };
      case 'multiply-phases': {
        const table = this.#table(blockQubits, 2 * rows * widthNumbers, tangent);
        return { kind, table, width, trivialRows };
      }
      case 'multiply-factors': {
        const factors = Array.from({ length: 1 + this.#below(3) }, () => {
          return this.#table(blockQubits, 2 * rows, tangent);
        });
        const selection = this.#below(2) === 0 ? null : this.#table(blockQubits, lanes, tangent, false);
        return { kind, factors, selection, trivialRows };
      }
      case 'multiply-matrix':
        return this.#matrix(blockQubits, lanes);
      case 'scale':
        return { kind, table: this.#table(blockQubits, 1, () => 0.5 + this.#random.uniform()) };
    }
  }

  #matrix(blockQubits: readonly number[], lanes: number): VectorOperation | null {
    const positions = this.#some(
      blockQubits.map((_, i) => i),
      2,
    );
    const laneQubits = Array.from({ length: this.#layout.laneQubits }, (_, i) => i);
    const chosen = this.#some(laneQubits, 2 - positions.length);
    if (positions.length + chosen.length === 0) return null;
    const width = chosen.length > 0 ? lanes : 1;
    const numbers = 4 ** positions.length * 2 ** chosen.length * COEFFICIENT_NUMBERS * width;
    const value = () => 0.8 * this.#random.uniform() - 0.4;
    return {
      kind: 'multiply-matrix',
      positions,
      lanes: chosen,
      table: this.#table(blockQubits, numbers, value),
    };
  }
}
