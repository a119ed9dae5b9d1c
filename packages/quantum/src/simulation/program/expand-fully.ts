import { expandInstruction } from '../../circuit/expand-instruction.ts';
import type { UnitaryKind } from '../../circuit/instruction.ts';

/** Rewrites an instruction until only elementary ones are left (see `expandInstruction`). */
export function expandFully(instruction: UnitaryKind): UnitaryKind[] {
  const parts = expandInstruction(instruction);
  return parts === null ? [instruction] : parts.flatMap((part) => expandFully(part as UnitaryKind));
}
