import type { Pass } from '../pass.ts';
import { everyInstruction } from './check-map.ts';
import { EdgeDirections } from './gate-direction.ts';
import { analysisPass } from './rewrite-circuit.ts';

/**
 * Writes the property `isDirectionMapped`: whether no two-qubit gate runs against the direction of its edge, bodies of control flow
 * included; true for targets that are not directed. (CheckGateDirection.)
 */
export function checkGateDirection(): Pass {
  return analysisPass('check gate direction', 'isDirectionMapped', (circuit, { target }) => {
    const directions = new EdgeDirections(target);
    return everyInstruction(circuit, (instruction) => !directions.isAgainst(instruction));
  });
}
