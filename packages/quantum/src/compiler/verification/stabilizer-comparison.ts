import { throwIfCancelled } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import { gateMatrix } from '../../circuit/gate-matrix.ts';
import { isUnitaryKind } from '../../circuit/instruction.ts';
import type { AlignedCircuits } from './aligned-circuits.ts';
import { CliffordRecognizer, type CliffordStep, cliffordTable } from './clifford-table.ts';
import type { ComparisonSettings, EquivalenceReport } from './equivalence-report.ts';
import { StabilizerGroup } from './stabilizer-group.ts';

type Verdict = Omit<EquivalenceReport, 'method' | 'isExact'>;

/** What happens in a Clifford circuit. */
type CliffordEvent =
  | ({ readonly kind: 'gate' } & CliffordStep)
  | { readonly kind: 'measure'; readonly wire: number; readonly clbit: number }
  | { readonly kind: 'reset'; readonly wire: number };

/** Columns beyond which the elimination would take minutes. */
const MOST_COLUMNS = 4000;

/**
 * Compares two Clifford circuits with measurements and resets as channels, exactly and for any number of qubits: inputs are halves of
 * Bell pairs, a measurement copies its wire to a record and to a column that nobody sees again, a reset exchanges the wire for a new one.
 * The channels are equal where the stabilizer groups of the columns that can be seen are.
 *
 * @returns null when a circuit has anything else in it.
 */
export function compareStabilizers(pair: AlignedCircuits, settings: ComparisonSettings): Verdict | null {
  const recognizer = new CliffordRecognizer();
  const original = readEvents(pair.original, recognizer);
  const compiled = original && readEvents(pair.compiled, recognizer);
  if (original === null || compiled === null) return null;
  const plain = Array.from({ length: pair.wireCount }, (_, wire) => wire);
  const expected = channelGroup(original, pair, plain, settings);
  const found = expected && channelGroup(compiled, pair, pair.endWires, settings);
  if (found === null || expected === null) return null;
  const result = { worstInfidelity: null, trials: 0, simulatedQubits: 0 };
  const row = expected.findIndex((generator, index) => generator !== found[index]);
  if (row < 0 && expected.length === found.length) {
    return { ...result, equivalent: true, reason: 'equal stabilizer groups' };
  }
  const counterexample = { expected: expected[row] ?? null, found: found[Math.max(row, 0)] ?? null };
  return { ...result, equivalent: false, reason: 'the stabilizer groups differ', counterexample };
}

function readEvents(circuit: Circuit, recognizer: CliffordRecognizer): CliffordEvent[] | null {
  const events: CliffordEvent[] = [];
  for (const instruction of circuit.instructions) {
    if (isUnitaryKind(instruction)) {
      const steps = recognizer.recognize(instruction);
      if (steps === null) return null;
      for (const step of steps) events.push({ kind: 'gate', ...step });
    } else if (instruction.kind === 'measure') {
      events.push({ kind: 'measure', wire: instruction.qubits[0], clbit: instruction.clbit });
    } else if (instruction.kind === 'reset') {
      events.push({ kind: 'reset', wire: instruction.qubits[0] });
    } else return null;
  }
  return events;
}

const CX = cliffordTable(gateMatrix('cx'))!;

/** Generators of what can be seen of a channel: its inputs, its outputs and its records. */
function channelGroup(
  events: readonly CliffordEvent[],
  { qubitCount, wireCount, original }: AlignedCircuits,
  endWires: readonly number[],
  { inputs, compare, signal }: ComparisonSettings,
): readonly string[] | null {
  const fresh = events.reduce(
    (sum, { kind }) => sum + (kind === 'measure' ? 2 : kind === 'reset' ? 1 : 0),
    0,
  );
  const inputCount = inputs === 'any' ? qubitCount : 0;
  const recordStart = inputCount + wireCount;
  const columnCount = recordStart + original.clbitCount + fresh;
  if (columnCount > MOST_COLUMNS) return null;
  const group = new StabilizerGroup(columnCount);
  const columns = Array.from({ length: wireCount }, (_, wire) => inputCount + wire);
  const records = Array.from({ length: original.clbitCount }, (_, clbit) => recordStart + clbit);
  for (let input = 0; input < inputCount; input++) group.entangle(input, inputCount + input);
  let next = recordStart + original.clbitCount;
  for (const [index, event] of events.entries()) {
    if (index % 4096 === 0) throwIfCancelled(signal, 'The verification');
    if (event.kind === 'gate') {
      group.apply({ wires: event.wires.map((wire) => columns[wire]!), table: event.table });
    } else if (event.kind === 'measure') {
      records[event.clbit] = next++;
      for (const copy of [records[event.clbit]!, next++]) {
        group.apply({ wires: [columns[event.wire]!, copy], table: CX });
      }
    } else columns[event.wire] = next++;
  }
  const outputs = compare === 'state' ? endWires.map((wire) => columns[wire]!) : [];
  const seenInputs = Array.from({ length: inputCount }, (_, input) => input);
  return group.restrictTo([...seenInputs, ...outputs, ...records]);
}
