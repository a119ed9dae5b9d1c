import { InvalidArgumentError } from '@qedge/core';
import type { Pass } from '../pass.ts';
import { distanceFromIdentity } from './distance-from-identity.ts';
import { circuitOf } from './rewrite-circuit.ts';

/** The property that {@link approximateWithin} writes. */
export const APPROXIMATION_PROPERTY = 'approximation';

/** What an approximation did. */
export interface ApproximationReport {
  /** The infidelity that was allowed. */
  readonly budget: number;
  /** A bound on the infidelity, 0..budget, that holds for every state the circuit may start in. */
  readonly usedBudget: number;
  readonly droppedGates: number;
}

/**
 * Drops gates that are almost the identity, the nearest first, as long as the whole circuit stays within a budget: for every state
 * that it starts in, `1 - |<exact|approximate>|^2` is at most the budget. Distances of single gates (in operator norm) add up, and
 * the infidelity is at most the square of their sum. Bodies of control flow, which may run often, are left alone. Not part of any
 * level. Writes the property `approximation`, an {@link ApproximationReport}; an earlier run's use counts against the budget.
 *
 * @throws InvalidArgumentError unless the budget is in 0..1.
 */
export function approximateWithin(infidelityBudget: number): Pass {
  if (!(infidelityBudget >= 0 && infidelityBudget <= 1)) {
    throw new InvalidArgumentError('An approximation needs a budget', {
      expected: 'an infidelity in 0..1',
      actual: infidelityBudget,
    });
  }
  return {
    name: 'approximate',
    run(state) {
      const { circuit, properties } = state;
      const earlier = properties.get(APPROXIMATION_PROPERTY) as ApproximationReport | undefined;
      const distances = circuit.instructions
        .map((instruction, index) => ({
          index,
          distance:
            instruction.kind === 'gate' ? distanceFromIdentity(instruction) : Number.POSITIVE_INFINITY,
        }))
        .sort((a, b) => a.distance - b.distance || a.index - b.index);
      const allowed = Math.sqrt(infidelityBudget);
      let used = Math.sqrt(earlier?.usedBudget ?? 0);
      const dropped = new Set<number>();
      for (const { index, distance } of distances) {
        if (!(used + distance <= allowed)) break;
        used += distance;
        dropped.add(index);
      }
      const report: ApproximationReport = {
        budget: infidelityBudget,
        usedBudget: Math.min(used * used, Math.max(infidelityBudget, earlier?.usedBudget ?? 0)),
        droppedGates: dropped.size + (earlier?.droppedGates ?? 0),
      };
      const kept = circuit.instructions.filter((_, index) => !dropped.has(index));
      return {
        ...state,
        circuit: dropped.size === 0 ? circuit : circuitOf(circuit, kept),
        properties: new Map(properties).set(APPROXIMATION_PROPERTY, report),
      };
    },
  };
}
