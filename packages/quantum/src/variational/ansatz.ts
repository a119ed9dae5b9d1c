import type { Circuit } from '../circuit/circuit.ts';

/** A parametrised circuit for a variational algorithm, with what an optimiser should know about its parameters. */
export interface Ansatz {
  /** For people: `uccsd(2 electrons, 2 orbitals)`. */
  readonly name: string;
  /** Prepares the trial state from |0...0>, its initial determinant included. */
  readonly circuit: Circuit;
  /** In the order in which parameter vectors are written; equal to `circuit.parameterNames`. */
  readonly parameterNames: readonly string[];
  /** A sensible start, `[parameters]`: the reference state where there is one; null where a random start is usual. */
  readonly initialParameters: Float64Array | null;
  /**
   * Frequencies of the energy in each whole parameter (see {@link ShiftOptions}), or null where only those of single gates
   * are known.
   */
  readonly frequencies: readonly (readonly number[])[] | null;
}
