import { type GateName, gateDefinition } from '../../circuit/gate-definition.ts';
import type { Pass } from '../pass.ts';
import { absorbGates } from './absorb-gates.ts';
import { areInverse } from './merge-gates.ts';
import { circuitPass, rewriteWithBodies } from './rewrite-circuit.ts';

/**
 * Cancels neighbouring gates that are inverse to each other, again and again; angles are compared where they are free too.
 * (InverseCancellation; CXCancellation is `inverseCancellation(['cx'])`.)
 *
 * @param gates only these cancel; a gate whose inverse has another name is cancelled where both are listed. Default: all gates.
 * @throws InvalidArgumentError for an unknown gate.
 */
export function inverseCancellation(gates?: readonly GateName[]): Pass {
  const names = gates && new Set<string>(gates.map((name) => gateDefinition(name).name));
  return circuitPass('inverse cancellation', (circuit) =>
    rewriteWithBodies(circuit, (part) =>
      absorbGates(part, {
        merge(first, second) {
          if (names && !(names.has(first.name) && names.has(second.name))) return undefined;
          return areInverse(first, second) ? null : undefined;
        },
        commute: () => false,
      }),
    ),
  );
}
