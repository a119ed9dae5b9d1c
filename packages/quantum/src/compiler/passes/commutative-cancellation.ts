import type { GateName } from '../../circuit/gate-definition.ts';
import { knownToCommute } from '../commutation.ts';
import { isTimeUp } from '../in-turns.ts';
import type { Pass } from '../pass.ts';
import { absorbGates } from './absorb-gates.ts';
import { areInverse, mergeTurns } from './merge-gates.ts';
import { circuitPass, rewriteWithBodies } from './rewrite-circuit.ts';

/**
 * Cancels inverse gates and adds up turns about one axis (z, s, t, rz, p; x, sx, rx; y, ry; cz, cs, cp; any gate of one angle with
 * itself), also across gates in between that commute with them. Free angles are added too. Two gates of the target's basis become
 * one of it. Does nothing once the time is up. (CommutativeCancellation and CommutativeInverseCancellation.)
 */
export function commutativeCancellation(): Pass {
  return circuitPass('commutative cancellation', (circuit, { target }, context) => {
    if (isTimeUp(context)) return circuit;
    const basis: readonly string[] = target.basisGates;
    return rewriteWithBodies(circuit, (part) =>
      absorbGates(part, {
        merge(first, second) {
          if (areInverse(first, second)) return null;
          const inBasis = basis.includes(first.name) && basis.includes(second.name);
          const mayUse = (name: GateName) => !inBasis || basis.includes(name);
          return mergeTurns(first, second, mayUse);
        },
        commute: knownToCommute,
        isTimeUp: () => isTimeUp(context),
      }),
    );
  });
}
