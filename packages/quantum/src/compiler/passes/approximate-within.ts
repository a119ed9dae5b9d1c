import { InvalidArgumentError } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import type { Pass } from '../pass.ts';
import type { Target } from '../target/target.ts';
import { BasisTranslator } from '../translation/basis-translator.ts';
import { synthesizeTwoQubitUnitary } from '../translation/two-qubit-unitary.ts';
import { approximateBlock, type BlockApproximation } from './approximate-block.ts';
import { matrixOfBlock, rewriteBlocks } from './collect-blocks.ts';
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
  /** Two-qubit blocks that were replaced by nearby ones with fewer entangling gates. */
  readonly simplifiedBlocks: number;
}

/**
 * Drops gates that are almost the identity, the nearest first, then replaces blocks of gates on two qubits by nearby unitaries that
 * need fewer entangling gates, written in the target's basis, the least loss for each saved gate first. The whole circuit stays
 * within the budget: for every state that it starts in, `1 - |<exact|approximate>|^2` is at most that. Distances in operator norm add
 * up, and the infidelity is at most the square of their sum. Bodies of control flow, which may run often, are left alone. Not part
 * of any level. Writes the property `approximation`, an {@link ApproximationReport}; an earlier run's use counts against the budget.
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
      const earlier = state.properties.get(APPROXIMATION_PROPERTY) as ApproximationReport | undefined;
      const budget = new DistanceBudget(infidelityBudget, earlier?.usedBudget ?? 0);
      const { circuit: fewer, droppedGates } = dropGates(state.circuit, budget);
      const { circuit, simplifiedBlocks } = simplifyBlocks(fewer, state.target, budget);
      const report: ApproximationReport = {
        budget: infidelityBudget,
        usedBudget: budget.usedInfidelity,
        droppedGates: droppedGates + (earlier?.droppedGates ?? 0),
        simplifiedBlocks: simplifiedBlocks + (earlier?.simplifiedBlocks ?? 0),
      };
      const properties = new Map(state.properties).set(APPROXIMATION_PROPERTY, report);
      return { ...state, circuit, properties };
    },
  };
}

/** A sum of distances that may not exceed the root of an infidelity. */
class DistanceBudget {
  readonly #allowed: number;
  readonly #infidelity: number;
  #used: number;

  constructor(infidelity: number, usedInfidelity: number) {
    this.#infidelity = infidelity;
    this.#allowed = Math.sqrt(infidelity);
    this.#used = Math.sqrt(usedInfidelity);
  }

  /** Takes a distance out of the budget. @returns whether it was there. */
  take(distance: number): boolean {
    if (!(this.#used + distance <= this.#allowed)) return false;
    this.#used += distance;
    return true;
  }

  get usedInfidelity(): number {
    // The square of a root may round up.
    const square = this.#used * this.#used;
    return this.#used <= this.#allowed ? Math.min(square, this.#infidelity) : square;
  }
}

function dropGates(circuit: Circuit, budget: DistanceBudget): { circuit: Circuit; droppedGates: number } {
  const candidates: { readonly index: number; readonly distance: number }[] = [];
  circuit.forEach((instruction, index) => {
    if (instruction.kind === 'gate') candidates.push({ index, distance: distanceFromIdentity(instruction) });
  });
  candidates.sort((a, b) => a.distance - b.distance || a.index - b.index);
  const dropped = new Set<number>();
  for (const { index, distance } of candidates) {
    if (!budget.take(distance)) break;
    dropped.add(index);
  }
  if (dropped.size === 0) return { circuit, droppedGates: 0 };
  const kept = circuit.instructions.filter((_, index) => !dropped.has(index));
  return { circuit: circuitOf(circuit, kept), droppedGates: dropped.size };
}

function simplifyBlocks(
  circuit: Circuit,
  target: Target,
  budget: DistanceBudget,
): { circuit: Circuit; simplifiedBlocks: number } {
  const candidates: { readonly block: number; readonly approximation: BlockApproximation }[] = [];
  let count = 0;
  rewriteBlocks(circuit, (block) => {
    for (const approximation of approximateBlock(matrixOfBlock(block))) {
      candidates.push({ block: count, approximation });
    }
    count++;
    return null;
  });
  const loss = ({ distance, saved }: BlockApproximation) => distance / saved;
  candidates.sort((a, b) => loss(a.approximation) - loss(b.approximation) || a.block - b.block);
  const chosen = new Map<number, BlockApproximation>();
  for (const { block, approximation } of candidates) {
    if (!chosen.has(block) && budget.take(approximation.distance)) chosen.set(block, approximation);
  }
  if (chosen.size === 0) return { circuit, simplifiedBlocks: 0 };
  const translator = new BasisTranslator(target.basisGates);
  count = 0;
  const simplified = rewriteBlocks(circuit, () => {
    const approximation = chosen.get(count++);
    return approximation ? synthesizeTwoQubitUnitary(approximation.matrix, translator) : null;
  });
  return { circuit: simplified, simplifiedBlocks: chosen.size };
}
