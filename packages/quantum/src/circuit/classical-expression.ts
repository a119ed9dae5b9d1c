/**
 * @file Classical values and expressions of dynamic circuits, with the meaning that OpenQASM 3 gives them. Plain data.
 */
import { checkInteger } from './check-instruction.ts';

/** The type of a classical value. */
export type ClassicalType =
  | { readonly kind: 'bool' }
  /** A register of bits; one bit has size 1. */
  | { readonly kind: 'bit'; readonly size: number }
  /** Two's complement. */
  | { readonly kind: 'int'; readonly size: number }
  | { readonly kind: 'uint'; readonly size: number }
  | { readonly kind: 'float'; readonly size: 32 | 64 }
  /** A fixed-point fraction of a turn: the integer `k` stands for `2 pi k / 2^size`. */
  | { readonly kind: 'angle'; readonly size: number };

/**
 * A typed value. `bool` holds a boolean, `float` a number; `bit`, `int`, `uint` and `angle` hold a bigint (`int` may be negative;
 * bit 0 of a register is the least significant).
 */
export interface ClassicalValue {
  readonly type: ClassicalType;
  readonly value: boolean | number | bigint;
}

export type UnaryOperator = '-' | '~' | '!';

export type BinaryOperator =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '**'
  | '&'
  | '|'
  | '^'
  | '<<'
  | '>>'
  | '&&'
  | '||'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>=';

/** Functions of OpenQASM 3. Those of real numbers take and give float[64]. */
export type ClassicalFunction =
  | 'arccos'
  | 'arcsin'
  | 'arctan'
  | 'ceiling'
  | 'cos'
  | 'exp'
  | 'floor'
  | 'log'
  | 'mod'
  | 'popcount'
  | 'pow'
  | 'rotl'
  | 'rotr'
  | 'sin'
  | 'sqrt'
  | 'tan';

/** What dynamic circuits compute with. */
export type ClassicalExpression =
  | { readonly kind: 'literal'; readonly type: ClassicalType; readonly value: boolean | number | bigint }
  /** One classical bit of the circuit; of type bit[1]. */
  | { readonly kind: 'bit'; readonly clbit: number }
  /** Several classical bits, the least significant first (a register); of type bit[n]. */
  | { readonly kind: 'bits'; readonly clbits: readonly number[] }
  | { readonly kind: 'variable'; readonly name: string; readonly type: ClassicalType }
  /** One bit of a bit register, integer or angle, 0 the least significant. */
  | { readonly kind: 'index'; readonly operand: ClassicalExpression; readonly index: ClassicalExpression }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: ClassicalExpression }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: ClassicalExpression;
      readonly right: ClassicalExpression;
    }
  | { readonly kind: 'cast'; readonly type: ClassicalType; readonly operand: ClassicalExpression }
  | {
      readonly kind: 'call';
      readonly function: ClassicalFunction;
      readonly arguments: readonly ClassicalExpression[];
    };

/** Where an assignment writes. */
export type ClassicalTarget =
  | { readonly kind: 'bit'; readonly clbit: number }
  | { readonly kind: 'bits'; readonly clbits: readonly number[] }
  | { readonly kind: 'variable'; readonly name: string; readonly type: ClassicalType }
  /** One bit of a variable that holds bits, an integer or an angle. */
  | {
      readonly kind: 'index';
      readonly operand: { readonly kind: 'variable'; readonly name: string; readonly type: ClassicalType };
      readonly index: ClassicalExpression;
    };

/** A register of qubits or of classical bits: a name for a run of them. */
export interface Register {
  readonly name: string;
  readonly start: number;
  readonly size: number;
  /** True for classical bits that a program uses for itself: samples leave them out. */
  readonly isLocal?: boolean;
}

/** A classical variable of a circuit, without an initial value 0 or false. */
export interface ClassicalVariable {
  readonly name: string;
  readonly type: ClassicalType;
  readonly initial?: ClassicalExpression;
}

/**
 * The condition of most branches: a classical bit, or a classical register as a number with bit 0 the least significant, equals a
 * value.
 *
 * @throws InvalidArgumentError for a value that is not an integer.
 * @example
 * const c = circuit.addClassicalRegister('c', 2);
 * circuit.ifTest(bitsEqual(c, 3), (body) => body.x(0));
 */
export function bitsEqual(bits: number | Register, value: number): ClassicalExpression {
  const left: ClassicalExpression =
    typeof bits === 'number'
      ? { kind: 'bit', clbit: bits }
      : { kind: 'bits', clbits: Array.from({ length: bits.size }, (_, i) => bits.start + i) };
  const right: ClassicalExpression = {
    kind: 'literal',
    type: { kind: 'int', size: 64 },
    value: checkInteger(value, 'The number to compare with'),
  };
  return { kind: 'binary', operator: '==', left, right };
}
