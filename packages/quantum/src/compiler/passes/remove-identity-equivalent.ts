import type { GateInstruction } from '../../circuit/instruction.ts';
import type { Pass } from '../pass.ts';
import { distanceFromIdentity } from './distance-from-identity.ts';
import { circuitOf, circuitPass, rewriteWithBodies } from './rewrite-circuit.ts';

/** Gates nearer to the identity than this are rounding. */
const TOLERANCE = 1e-12;

/** Drops gates that are the identity up to a global phase, such as `id` and rotations by full turns. (RemoveIdentityEquivalent.) */
export function removeIdentityEquivalent(): Pass {
  return circuitPass('remove identity equivalent', (circuit) =>
    rewriteWithBodies(circuit, (part) => {
      const kept = part.instructions.filter(
        (instruction) => instruction.kind !== 'gate' || !isIdentity(instruction),
      );
      return kept.length === part.instructionCount ? part : circuitOf(part, kept);
    }),
  );
}

function isIdentity(gate: GateInstruction): boolean {
  return gate.qubits.length > 0 && distanceFromIdentity(gate) < TOLERANCE;
}
