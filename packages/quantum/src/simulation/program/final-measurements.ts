import {
  bodiesOf,
  type Instruction,
  isControlFlow,
  type MeasureInstruction,
} from '../../circuit/instruction.ts';

/** A circuit cut before the measurements that nothing depends on. */
export interface SplitInstructions {
  readonly body: readonly Instruction[];
  /** Measurements at the end: their qubits are not used and their bits neither read nor written afterwards. */
  readonly final: readonly FinalMeasurement[];
  /** Measurements before those whose results are lost to them; their qubits are not used afterwards either. */
  readonly overwritten: readonly FinalMeasurement[];
}

/** A measurement that can wait until the end. */
export interface FinalMeasurement {
  readonly qubit: number;
  readonly clbit: number;
}

/** Moves measurements to the end where that changes nothing. */
export function splitFinalMeasurements(instructions: readonly Instruction[]): SplitInstructions {
  const usedQubits = new Set<number>();
  const usedClbits = new Set<number>();
  const writtenAtEnd = new Set<number>();
  const body: Instruction[] = [];
  const final: FinalMeasurement[] = [];
  const overwritten: FinalMeasurement[] = [];
  for (const instruction of instructions.toReversed()) {
    if (instruction.kind === 'measure') {
      const [qubit] = instruction.qubits;
      const { clbit } = instruction;
      if (!usedQubits.has(qubit) && !usedClbits.has(clbit)) {
        (writtenAtEnd.has(clbit) ? overwritten : final).push({ qubit, clbit });
        writtenAtEnd.add(clbit);
        continue;
      }
    }
    body.push(instruction);
    if (instruction.kind !== 'barrier' && instruction.kind !== 'delay') {
      for (const qubit of instruction.qubits) usedQubits.add(qubit);
    }
    for (const clbit of touchedClbits(instruction)) usedClbits.add(clbit);
  }
  return { body: body.reverse(), final: final.reverse(), overwritten: overwritten.reverse() };
}

/** Classical bits that an instruction reads or writes. */
function touchedClbits(instruction: Instruction): readonly number[] {
  if (isControlFlow(instruction)) {
    return [
      ...instruction.clbits,
      ...bodiesOf(instruction).flatMap((body) => body.instructions.flatMap(touchedClbits)),
    ];
  }
  if (instruction.kind === 'measure') return [(instruction as MeasureInstruction).clbit];
  if (instruction.kind === 'assign') return clbitsIn([instruction.target, instruction.value]);
  return [];
}

/** All classical bits that a tree of plain data mentions. */
function clbitsIn(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(clbitsIn);
  if (typeof value !== 'object' || value === null) return [];
  const node = value as {
    readonly kind?: unknown;
    readonly clbit?: number;
    readonly clbits?: readonly number[];
  };
  if (node.kind === 'bit' && node.clbit !== undefined) return [node.clbit];
  if (node.kind === 'bits' && node.clbits !== undefined) return [...node.clbits];
  return Object.values(value).flatMap(clbitsIn);
}
