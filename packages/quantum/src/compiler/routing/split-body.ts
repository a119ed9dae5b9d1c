import type { Circuit } from '../../circuit/circuit.ts';
import { bodiesOf, type Instruction } from '../../circuit/instruction.ts';

/**
 * Parts of a body between the instructions that may leave it early. A router that moves qubits has to bring them home before each of
 * these, and nothing may be moved across.
 */
export function splitWhereLoopsEnd(body: Circuit): Circuit[] {
  let part = body.emptyCopy();
  const parts = [part];
  const begin = () => {
    part = body.emptyCopy();
    parts.push(part);
  };
  body.forEach((instruction) => {
    const leaves = mayLeave(instruction);
    if (leaves) begin();
    part.append(instruction);
    if (leaves) begin();
  });
  return parts;
}

/** Whether an instruction may end the loop around it. */
function mayLeave(instruction: Instruction): boolean {
  if (instruction.kind === 'break' || instruction.kind === 'continue') return true;
  if (instruction.kind !== 'if' && instruction.kind !== 'switch') return false;
  return bodiesOf(instruction).some((body) => body.instructions.some(mayLeave));
}
