import { isUnitaryKind } from '../../circuit/instruction.ts';
import type { AlignedCircuits } from './aligned-circuits.ts';
import type { ComparisonSettings, EquivalenceReport } from './equivalence-report.ts';
import { OperatorProduct, type ProductSettings } from './operator-product.ts';

type Verdict = Omit<EquivalenceReport, 'method' | 'isExact'>;

/**
 * Compares by the operator product. Backwards, so that what the circuits do to inputs that cannot occur does not count; forwards where
 * only measured results count, so that what happens to qubits behind their measurement does not.
 *
 * A difference is certain only for circuits of gates: of others the product shows less than their channels do.
 */
export function compareByProduct(pair: AlignedCircuits, settings: ComparisonSettings): Verdict {
  const directions = settings.compare === 'state' ? [true] : [true, false];
  let last: Verdict | null = null;
  for (const reversed of directions) {
    for (const choice of ['pace', 'growth'] as const) {
      last = compareInDirection(pair, settings, reversed, choice);
      if (last.equivalent !== null) return last;
      // The whole product was there: another order would give the same one.
      if (last.worstInfidelity !== null) break;
    }
  }
  return last!;
}

function compareInDirection(
  pair: AlignedCircuits,
  settings: ComparisonSettings,
  reversed: boolean,
  choice: ProductSettings['choice'],
): Verdict {
  const { qubitCount, wireCount, endWires, original, compiled } = pair;
  const { tolerance, seed, signal, maxTerms, inputs, compare } = settings;
  const plain = Int32Array.from({ length: wireCount }, (_, wire) => wire);
  const labels = plain.slice();
  if (reversed) for (const [wire, end] of endWires.entries()) labels[end] = wire;
  const undecided = { equivalent: null, worstInfidelity: null, trials: 0, simulatedQubits: 0 };
  const product = OperatorProduct.create(
    { circuit: compiled, labels, loopLabels: null },
    { circuit: original, labels: plain, loopLabels: null },
    { reversed, mostTerms: maxTerms, tolerance, choice, seed, signal },
  );
  if (product === null) return { ...undecided, reason: 'a gate acts on too many qubits' };
  const stop = product.run();
  if (stop !== null) return { ...undecided, reason: stop };
  if (!reversed) {
    return { ...undecided, equivalent: true, reason: 'all measurements of the circuits agree' };
  }
  const ends = Array.from({ length: qubitCount }, (_, qubit) => [qubit, qubit] as const);
  const spare = new Set<number>();
  for (let line = qubitCount; line < wireCount; line++) spare.add(product.originalLabel(line));
  const { infidelity, reason } = product.distance(ends, (label) => inputs === 'zero' || spare.has(label));
  if (infidelity === null) return { ...undecided, reason };
  const result = { ...undecided, worstInfidelity: infidelity };
  if (infidelity <= tolerance) return { ...result, equivalent: true, reason: 'the product is the identity' };
  const isCertain =
    compare === 'state' &&
    [original, compiled].every(({ instructions }) => instructions.every(isUnitaryKind));
  if (isCertain) return { ...result, equivalent: false, reason: 'the product is not the identity' };
  return {
    ...result,
    equivalent: null,
    reason: 'the product is not the identity, which measurements may hide',
  };
}
