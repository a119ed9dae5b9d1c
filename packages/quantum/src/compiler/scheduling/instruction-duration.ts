import { type Instruction, instructionName } from '../../circuit/instruction.ts';
import type { InstructionFigures } from '../target/instruction-figures.ts';
import type { Target } from '../target/target.ts';

const SECONDS = { s: 1, ms: 1e-3, us: 1e-6, ns: 1e-9 } as const;

/**
 * How long an instruction takes on a target, in seconds; undefined where the target does not say. Barriers, assignments, `break`,
 * `continue` and global phases take none; a delay takes what it says (in dt: undefined where the target has no dt). Control flow
 * has no duration of its own: undefined.
 */
export function durationSecondsOf(
  instruction: Instruction,
  target: Target,
  figures: InstructionFigures,
): number | undefined {
  switch (instruction.kind) {
    case 'barrier':
    case 'assign':
    case 'break':
    case 'continue':
      return 0;
    case 'delay': {
      const { duration, unit } = instruction;
      const scale = unit === 'dt' ? target.dtSeconds : SECONDS[unit];
      return scale === undefined ? undefined : duration * scale;
    }
    default:
      if (instruction.qubits.length === 0) return instruction.kind === 'gate' ? 0 : undefined;
      return figures.durationSeconds(instructionName(instruction), instruction.qubits);
  }
}

/** What an instruction lacks a duration for, as messages name it. */
export function durationName(instruction: Instruction): string {
  return instruction.kind === 'delay' && instruction.unit === 'dt' ? 'dt' : instructionName(instruction);
}
