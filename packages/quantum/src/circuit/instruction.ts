import type { Circuit } from './circuit.ts';
import type { ClassicalExpression, ClassicalTarget, ClassicalType } from './classical-expression.ts';
import type { GateName } from './gate-definition.ts';
import type { ParameterValue } from './parameter.ts';

/** A gate of the library on qubits; controls come first. */
export interface GateInstruction {
  readonly kind: 'gate';
  readonly name: GateName;
  readonly qubits: readonly number[];
  readonly parameters: readonly ParameterValue[];
}

/** A unitary matrix on any qubits. */
export interface UnitaryInstruction {
  readonly kind: 'unitary';
  readonly qubits: readonly number[];
  /** `[2^k, 2^k, 2]` row-major, real and imaginary parts interleaved; bit 0 of an index belongs to the first qubit. */
  readonly matrix: Float64Array;
  /** For drawings. */
  readonly label?: string;
}

/** `diag(e^(i phases[0]), e^(i phases[1]), ...)`. */
export interface DiagonalInstruction {
  readonly kind: 'diagonal';
  readonly qubits: readonly number[];
  /** `[2^k]` angles in radians; bit 0 of an index belongs to the first qubit. */
  readonly phases: Float64Array;
}

/** Renames qubits: what `qubits[i]` holds goes to `qubits[permutation[i]]`. */
export interface PermutationInstruction {
  readonly kind: 'permutation';
  readonly qubits: readonly number[];
  readonly permutation: readonly number[];
}

/**
 * `exp(-i time c P)` for each term `[P, c]`, the first one applied first. Where all terms commute that is
 * `exp(-i time sum of c P)`; else it is one step of the first-order product formula.
 */
export interface PauliEvolutionInstruction {
  readonly kind: 'pauli-evolution';
  readonly qubits: readonly number[];
  /** Pauli strings of letters `IXYZ`, character `i` acting on `qubits[i]`, with real coefficients. */
  readonly terms: readonly (readonly [string, number])[];
  readonly time: ParameterValue;
}

/** A unitary instruction that acts where every control has its state. */
export interface ControlledInstruction {
  readonly kind: 'controlled';
  /** The controls, then the qubits of the body. */
  readonly qubits: readonly number[];
  readonly controls: readonly number[];
  /** For each control the bit that lets the body act. */
  readonly controlState: readonly (0 | 1)[];
  readonly body: UnitaryKind;
}

/** Brings qubits to a state, whatever they held before: a reset, then a preparation. */
export interface InitializeInstruction {
  readonly kind: 'initialize';
  readonly qubits: readonly number[];
  /** `[2^k, 2]` interleaved, of norm 1; bit 0 of an index belongs to the first qubit. */
  readonly amplitudes: Float64Array;
}

/** Keeps the compiler from moving gates across it; does nothing else. */
export interface BarrierInstruction {
  readonly kind: 'barrier';
  readonly qubits: readonly number[];
}

/** Measures a qubit in the computational basis into a classical bit. */
export interface MeasureInstruction {
  readonly kind: 'measure';
  readonly qubits: readonly [number];
  readonly clbit: number;
}

/** Brings a qubit to |0>. */
export interface ResetInstruction {
  readonly kind: 'reset';
  readonly qubits: readonly [number];
}

/** Units of a {@link DelayInstruction}; `dt` is the machine's own step. */
export type DelayUnit = 'dt' | 'ns' | 'us' | 'ms' | 's';

/** Lets time pass on qubits; the identity for a simulator without noise. */
export interface DelayInstruction {
  readonly kind: 'delay';
  readonly qubits: readonly number[];
  readonly duration: number;
  readonly unit: DelayUnit;
}

/**
 * Runs one of two bodies. Bodies of control flow are circuits with the same qubits, classical bits, registers and variables as
 * the circuit around them, numbered alike.
 */
export interface IfInstruction {
  readonly kind: 'if';
  /** Of type bool, or anything that can be cast to bool. */
  readonly condition: ClassicalExpression;
  readonly then: Circuit;
  readonly otherwise?: Circuit;
  /** Every qubit that the bodies touch, ascending. */
  readonly qubits: readonly number[];
  /** Every classical bit that the instruction reads or writes, ascending. */
  readonly clbits: readonly number[];
}

/** Runs the body as long as the condition holds. */
export interface WhileInstruction {
  readonly kind: 'while';
  readonly condition: ClassicalExpression;
  readonly body: Circuit;
  readonly qubits: readonly number[];
  readonly clbits: readonly number[];
}

/** `start, start + step, ...` up to and including `stop`, as in OpenQASM 3. */
export interface ForRange {
  readonly start: ClassicalExpression;
  readonly stop: ClassicalExpression;
  readonly step: ClassicalExpression;
}

/** Runs the body once for every value, which its variable holds. */
export interface ForInstruction {
  readonly kind: 'for';
  /**
   * A classical variable that exists inside of the body: in classical expressions, and by its name in parameter expressions of
   * gates. Null where the body does not need it.
   */
  readonly variable: { readonly name: string; readonly type: ClassicalType } | null;
  readonly values: ForRange | readonly ClassicalExpression[];
  readonly body: Circuit;
  readonly qubits: readonly number[];
  readonly clbits: readonly number[];
}

/** Runs the first case that lists the subject's value, else the default where there is one. */
export interface SwitchInstruction {
  readonly kind: 'switch';
  /** An integer or bits. */
  readonly subject: ClassicalExpression;
  readonly cases: readonly (readonly [readonly number[] | 'default', Circuit])[];
  readonly qubits: readonly number[];
  readonly clbits: readonly number[];
}

/** Leaves the innermost loop. */
export interface BreakInstruction {
  readonly kind: 'break';
  readonly qubits: readonly number[];
}

/** Goes on with the next round of the innermost loop. */
export interface ContinueInstruction {
  readonly kind: 'continue';
  readonly qubits: readonly number[];
}

/** Writes a value, cast to the target's type, to classical memory. */
export interface AssignInstruction {
  readonly kind: 'assign';
  readonly target: ClassicalTarget;
  readonly value: ClassicalExpression;
  readonly qubits: readonly number[];
}

/** Instructions that are a unitary operation on their qubits. */
export type UnitaryKind =
  | GateInstruction
  | UnitaryInstruction
  | DiagonalInstruction
  | PermutationInstruction
  | PauliEvolutionInstruction
  | ControlledInstruction;

/** Instructions that hold circuits. */
export type ControlFlowInstruction = IfInstruction | WhileInstruction | ForInstruction | SwitchInstruction;

/** One step of a circuit. */
export type Instruction =
  | UnitaryKind
  | InitializeInstruction
  | BarrierInstruction
  | MeasureInstruction
  | ResetInstruction
  | DelayInstruction
  | ControlFlowInstruction
  | BreakInstruction
  | ContinueInstruction
  | AssignInstruction;

/** `cx`, `measure`, ...: the name under which an instruction is counted and drawn. */
export function instructionName(instruction: Instruction): string {
  return instruction.kind === 'gate' ? instruction.name : instruction.kind;
}

/** True for instructions that are a unitary operation on their qubits. */
export function isUnitaryKind(instruction: Instruction): instruction is UnitaryKind {
  switch (instruction.kind) {
    case 'gate':
    case 'unitary':
    case 'diagonal':
    case 'permutation':
    case 'pauli-evolution':
    case 'controlled':
      return true;
    default:
      return false;
  }
}

/** True for instructions that hold circuits. */
export function isControlFlow(instruction: Instruction): instruction is ControlFlowInstruction {
  const { kind } = instruction;
  return kind === 'if' || kind === 'while' || kind === 'for' || kind === 'switch';
}

/** The bodies of control flow, in order. */
export function bodiesOf(instruction: ControlFlowInstruction): readonly Circuit[] {
  switch (instruction.kind) {
    case 'if':
      return instruction.otherwise ? [instruction.then, instruction.otherwise] : [instruction.then];
    case 'while':
    case 'for':
      return [instruction.body];
    case 'switch':
      return instruction.cases.map(([, body]) => body);
  }
}
