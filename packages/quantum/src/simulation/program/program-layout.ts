import type { Circuit } from '../../circuit/circuit.ts';
import type { Instruction } from '../../circuit/instruction.ts';
import type { StateFrame } from '../amplitudes/stored-state.ts';
import type { InitialState } from '../simulator.ts';
import { markActiveQubits } from './active-qubits.ts';
import { type SplitInstructions, splitFinalMeasurements } from './final-measurements.ts';
import { type FlatProgram, flattenInstructions } from './flatten-circuit.ts';
import { markInitialQubits } from './initial-state.ts';

/** A circuit as steps on the qubits that need memory, with its measurements at the end set apart. */
export interface ProgramLayout {
  readonly program: FlatProgram;
  readonly final: SplitInstructions['final'];
  /** True when the circuit measures anything. */
  readonly measures: boolean;
  /** The dense number of each qubit of the circuit, -1 for those without memory. */
  readonly places: readonly number[];
  readonly activeCount: number;
}

/**
 * Lays a circuit out for initial states of one kind.
 *
 * @param instructions those of the circuit, or as many of them as matter.
 * @throws what checking the initial state throws.
 */
export function layOutProgram(
  circuit: Circuit,
  initial: InitialState | undefined,
  instructions: readonly Instruction[] = circuit.instructions,
): ProgramLayout {
  // Circuits may have millions of idle qubits: nothing is called for each.
  const active = new Array<boolean>(circuit.qubitCount).fill(false);
  markActiveQubits(instructions, active);
  markInitialQubits(initial, active);
  let activeCount = 0;
  const places = new Array<number>(active.length).fill(-1);
  for (let qubit = 0; qubit < active.length; qubit++) if (active[qubit]) places[qubit] = activeCount++;
  const { body, final } = splitFinalMeasurements(instructions);
  const program = flattenInstructions(circuit, body, places, initial === undefined);
  const measures = final.length > 0 || program.steps.some(({ kind }) => kind === 'measure');
  return { program, final, measures, places, activeCount };
}

/** The frame of a circuit's qubits, from that of the dense ones. */
export function circuitFrame({ places, activeCount }: ProgramLayout, dense: StateFrame): StateFrame {
  if (activeCount === places.length) return dense;
  return {
    qubits: Int32Array.from(places, (place) => (place < 0 ? -1 : dense.qubits[place]!)),
    flips: dense.flips,
    phase: dense.phase,
  };
}
