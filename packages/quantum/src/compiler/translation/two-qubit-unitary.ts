import { Circuit } from '../../circuit/circuit.ts';
import type { GateStep } from '../../circuit/gate-definition.ts';
import { oneQubitSteps } from '../../circuit/synthesize-unitary.ts';
import { Interaction, InteractionKind } from '../interaction/interaction.ts';
import { factorKronecker } from '../interaction/matrix4.ts';
import { type Entangler, synthesizeInteractions } from '../interaction/synthesize-interactions.ts';
import { entanglerCost } from '../interaction/two-qubit-class.ts';
import type { BasisTranslator } from './basis-translator.ts';

const ENTANGLERS: readonly Entangler[] = ['cx', 'cz', 'ecr', 'iswap', 'rzz'];
const NO_NUMBERS = new Float64Array(0);

/**
 * Any two-qubit unitary in a basis by its Cartan decomposition: as few of one entangling gate as it takes, and one-qubit gates.
 *
 * @param matrix `[4, 4, 2]`, row-major and interleaved, bit 0 of an index for position 0.
 * @returns gates on positions 0 and 1, equal up to a global phase.
 * @throws UnsupportedError where the basis cannot make entangling or one-qubit gates.
 */
export function synthesizeTwoQubitUnitary(matrix: Float64Array, translator: BasisTranslator): GateStep[] {
  const entangler = cheapestEntangler(matrix, translator);
  const cost = entanglerCost(matrix, 'cx');
  if (cost === 0) return localGates(matrix, translator);
  const block = new Interaction(InteractionKind.block, [0, 1], NO_NUMBERS, 0, matrix, cost, null, []);
  const identity = Float64Array.of(1, 0, 0, 0, 0, 0, 1, 0);
  const circuit = synthesizeInteractions(
    {
      wireCount: 2,
      interactions: [block],
      frames: [identity, identity.slice()],
      wireOfQubit: Int32Array.of(0, 1),
      classical: new Circuit(2),
    },
    { entangler },
  );
  const steps: GateStep[] = [];
  circuit.forEach((instruction) => {
    if (instruction.kind !== 'gate') return;
    const { name, parameters, qubits } = instruction;
    if (qubits.length === 1) steps.push({ name, parameters, positions: qubits });
    else {
      for (const step of translator.translate(name, parameters, 2)) {
        steps.push({ ...step, positions: step.positions.map((position) => qubits[position]!) });
      }
    }
  });
  return translator.settle(steps, 'unitary');
}

/** A unitary that does not entangle: one gate sequence on each qubit. */
function localGates(matrix: Float64Array, translator: BasisTranslator): GateStep[] {
  const steps = factorKronecker(matrix).map((factor, position) => {
    const [rotation] = oneQubitSteps(factor);
    return { ...rotation!, positions: [position] };
  });
  return translator.settle(steps, 'unitary');
}

/** The gate of the basis that is needed least often; where it has none of these, what it makes best. */
function cheapestEntangler(matrix: Float64Array, { gates }: BasisTranslator): Entangler {
  let best: Entangler | null = null;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const entangler of ENTANGLERS) {
    if (!gates.has(entangler)) continue;
    const cost = entanglerCost(matrix, entangler);
    if (cost < bestCost) [best, bestCost] = [entangler, cost];
  }
  if (best !== null) return best;
  const turnsFreely = ['rxx', 'ryy', 'rzx', 'cp', 'cu1', 'crz', 'crx', 'cry', 'cu', 'cu3'].some((name) =>
    gates.has(name),
  );
  if (turnsFreely) return 'rzz';
  const hasExchange = gates.has('xx_plus_yy') || gates.has('dcx');
  return hasExchange && !gates.has('cy') && !gates.has('ch') ? 'iswap' : 'cx';
}
