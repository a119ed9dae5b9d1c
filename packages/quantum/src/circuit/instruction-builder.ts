import { checkInteger, copyNumbers, listOf, recordOf } from './check-instruction.ts';
import type { Circuit } from './circuit.ts';
import type { ClassicalExpression, ClassicalTarget, ClassicalType } from './classical-expression.ts';
import { GateBuilder } from './gate-builder.ts';
import type { DelayUnit, ForInstruction, Instruction } from './instruction.ts';
import type { ParameterValue } from './parameter.ts';

/** The body of control flow: a circuit, or a function that appends to one that is empty. */
export type CircuitBody = Circuit | ((body: Circuit) => void);

/** What a loop runs over: numbers, or an inclusive range. */
export type LoopValues =
  | readonly number[]
  | { readonly start: number; readonly stop: number; readonly step?: number };

/** The type that loop variables have unless another is given. */
const LOOP_TYPE: ClassicalType = { kind: 'int', size: 64 };

/** Methods for every kind of instruction. */
export abstract class InstructionBuilder extends GateBuilder {
  abstract readonly qubitCount: number;
  abstract append(instruction: Instruction): this;
  abstract emptyCopy(): Circuit;

  /** A matrix `[2^k, 2^k, 2]`, row-major and interleaved, bit 0 of an index for the first qubit. @throws InvalidArgumentError unless unitary. */
  unitary(matrix: ArrayLike<number>, qubits: readonly number[], label?: string): this {
    const plain = { kind: 'unitary', qubits, matrix: copyNumbers(matrix) } as const;
    return this.append(label === undefined ? plain : { ...plain, label });
  }
  /** `diag(e^(i phases[0]), ...)`, bit 0 of an index for the first qubit. */
  diagonal(phases: ArrayLike<number>, qubits: readonly number[]): this {
    return this.append({ kind: 'diagonal', qubits, phases: copyNumbers(phases) });
  }
  /** What `qubits[i]` holds goes to `qubits[permutation[i]]`. */
  permute(permutation: readonly number[], qubits: readonly number[]): this {
    return this.append({ kind: 'permutation', qubits, permutation });
  }
  /** `exp(-i time c P)` for each term `[P, c]` in order; character `i` of `P` acts on `qubits[i]` (default: on qubit `i`). */
  pauliEvolution(
    terms: readonly (readonly [string, number])[],
    time: ParameterValue,
    qubits: readonly number[] = range(this.qubitCount),
  ): this {
    return this.append({ kind: 'pauli-evolution', qubits, terms, time });
  }
  /** Brings qubits to a state: amplitudes `[2^k, 2]` interleaved, of norm 1. */
  initialize(amplitudes: ArrayLike<number>, qubits: readonly number[] = range(this.qubitCount)): this {
    return this.append({ kind: 'initialize', qubits, amplitudes: copyNumbers(amplitudes) });
  }
  /** Without qubits: across all of them. */
  barrier(...qubits: number[]): this {
    return this.append({ kind: 'barrier', qubits: qubits.length > 0 ? qubits : range(this.qubitCount) });
  }
  measure(qubit: number, clbit: number): this {
    return this.append({ kind: 'measure', qubits: [qubit], clbit });
  }
  reset(qubit: number): this {
    return this.append({ kind: 'reset', qubits: [qubit] });
  }
  delay(duration: number, unit: DelayUnit, ...qubits: number[]): this {
    return this.append({ kind: 'delay', qubits, duration, unit });
  }

  /** Writes a value to a classical bit, register or variable. */
  assign(target: ClassicalTarget, value: ClassicalExpression): this {
    return this.append({ kind: 'assign', target, value, qubits: [] });
  }
  /** Leaves the innermost loop. */
  break(): this {
    return this.append({ kind: 'break', qubits: [] });
  }
  /** Goes on with the next round of the innermost loop. */
  continue(): this {
    return this.append({ kind: 'continue', qubits: [] });
  }

  /** Runs a body if the condition holds, else the other one where there is one. */
  ifTest(condition: ClassicalExpression, then: CircuitBody, otherwise?: CircuitBody): this {
    return this.append({
      kind: 'if',
      condition,
      // biome-ignore lint/suspicious/noThenProperty: the instruction is data, and "then" is what its branch is called.
      then: this.#build(then),
      ...(otherwise ? { otherwise: this.#build(otherwise) } : {}),
      ...NO_WIRES,
    });
  }

  /** Runs a body as long as the condition holds. */
  whileLoop(condition: ClassicalExpression, body: CircuitBody): this {
    return this.append({ kind: 'while', condition, body: this.#build(body), ...NO_WIRES });
  }

  /**
   * Runs a body once for every value. The variable, an int[64], can be read in the body by classical expressions and, by its name,
   * by parameter expressions of gates.
   */
  forLoop(variable: string | null, values: LoopValues, body: CircuitBody): this {
    const literal = (value: number): ClassicalExpression => ({
      kind: 'literal',
      type: LOOP_TYPE,
      value: checkInteger(value, 'A value of a loop'),
    });
    recordOf(values, 'The values of a loop');
    const items: ForInstruction['values'] = isRange(values)
      ? { start: literal(values.start), stop: literal(values.stop), step: literal(values.step ?? 1) }
      : values.map(literal);
    const declared = variable === null ? null : { name: variable, type: LOOP_TYPE };
    return this.appendFor(declared, items, body);
  }

  /** The general form of `forLoop`: a variable of any type, values that are expressions. */
  appendFor(variable: ForInstruction['variable'], values: ForInstruction['values'], body: CircuitBody): this {
    return this.append({ kind: 'for', variable, values, body: this.#build(body, variable), ...NO_WIRES });
  }

  /** Runs the body of the first case that lists the subject's value, else the one of `'default'`, which comes last. */
  switchCase(
    subject: ClassicalExpression,
    cases: readonly (readonly [readonly number[] | 'default', CircuitBody])[],
  ): this {
    return this.append({
      kind: 'switch',
      subject,
      cases: listOf(cases, 'The cases of a switch').map((pair) => {
        const [labels, body] = listOf(pair, 'A case of a switch') as (typeof cases)[number];
        return [labels, this.#build(body)] as const;
      }),
      ...NO_WIRES,
    });
  }

  #build(body: CircuitBody, variable: ForInstruction['variable'] = null): Circuit {
    if (typeof body !== 'function') return body;
    const empty = this.emptyCopy();
    if (variable) empty.declare(variable);
    body(empty);
    return empty;
  }
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

const NO_WIRES = { qubits: [] as readonly number[], clbits: [] as readonly number[] };

function isRange(values: LoopValues): values is Exclude<LoopValues, readonly number[]> {
  return !Array.isArray(values);
}
