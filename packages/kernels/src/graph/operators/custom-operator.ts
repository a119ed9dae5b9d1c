import type { ValueSpec } from '@qedge/core';
import type { ValueData } from './operator-definition.ts';

/**
 * An operator that the user provides for a kind that is missing here. It runs in JavaScript, between the calls of generated code.
 */
export interface CustomOperator {
  /**
   * Checks the inputs and tells the outputs.
   *
   * @param attributes those of the source format.
   * @throws any error; it is reported with the node's name.
   */
  infer(
    inputs: readonly (ValueSpec | null)[],
    attributes: Readonly<Record<string, unknown>>,
  ): readonly ValueSpec[];
  /**
   * Fills the outputs, synchronously. All arrays are lent for the call: inputs must not be written, and nothing may be kept. Whatever it
   * allocates is allocated at every run.
   */
  evaluate(
    inputs: readonly (ValueData | null)[],
    outputs: readonly ValueData[],
    attributes: Readonly<Record<string, unknown>>,
  ): void;
}

/** Operators of the user, by the name that the source format gives them. */
export type CustomOperators = Readonly<Record<string, CustomOperator>>;
