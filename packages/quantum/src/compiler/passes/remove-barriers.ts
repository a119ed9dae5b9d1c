import type { Pass } from '../pass.ts';
import { circuitOf, circuitPass, rewriteWithBodies } from './rewrite-circuit.ts';

/** Drops barriers, so that later passes may move gates across them; bodies of control flow too. (RemoveBarriers.) */
export function removeBarriers(): Pass {
  return circuitPass('remove barriers', (circuit) =>
    rewriteWithBodies(circuit, (part) => {
      const kept = part.instructions.filter(({ kind }) => kind !== 'barrier');
      return kept.length === part.instructionCount ? part : circuitOf(part, kept);
    }),
  );
}
