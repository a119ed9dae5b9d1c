/**
 * @file The syntax tree of OpenQASM 2 and 3, node by node as in the grammar of the OpenQASM 3.1 specification. Every node has
 * `start`, the offset of its first character. OpenQASM 2's `^` is the operator `**`.
 */
import type { BinaryOperator, UnaryOperator } from '../../circuit/classical-expression.ts';

interface Node {
  readonly start: number;
}

// Expressions.

export interface IntegerLiteral extends Node {
  readonly kind: 'integer';
  /** Exact when it is a safe integer; `text` always is. */
  readonly value: number;
  /** The digits as written, with `0x`, `0o` or `0b`, without underscores. */
  readonly text: string;
}

export interface FloatLiteral extends Node {
  readonly kind: 'float';
  readonly value: number;
}

/** `value` times the imaginary unit. */
export interface ImaginaryLiteral extends Node {
  readonly kind: 'imaginary';
  readonly value: number;
}

export interface BooleanLiteral extends Node {
  readonly kind: 'boolean';
  readonly value: boolean;
}

export interface BitstringLiteral extends Node {
  readonly kind: 'bitstring';
  /** Zeros and ones, the most significant bit first. */
  readonly bits: string;
}

export type TimeUnit = 'dt' | 'ns' | 'us' | 'ms' | 's';

export interface TimingLiteral extends Node {
  readonly kind: 'timing';
  readonly value: number;
  readonly unit: TimeUnit;
}

export interface Identifier extends Node {
  readonly kind: 'identifier';
  readonly name: string;
}

/** `$3` */
export interface HardwareQubit extends Node {
  readonly kind: 'hardware-qubit';
  readonly index: number;
}

export interface UnaryExpression extends Node {
  readonly kind: 'unary';
  readonly operator: UnaryOperator;
  readonly operand: Expression;
}

/** `start` is that of the left operand, `at` that of the operator. */
export interface BinaryExpression extends Node {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
  readonly at: number;
}

export interface CallExpression extends Node {
  readonly kind: 'call';
  readonly name: string;
  readonly arguments: readonly Expression[];
}

export interface CastExpression extends Node {
  readonly kind: 'cast';
  readonly type: ScalarType | ArrayType;
  readonly operand: Expression;
}

export interface IndexExpression extends Node {
  readonly kind: 'index';
  readonly base: Expression;
  readonly index: IndexOperator;
}

export interface DurationofExpression extends Node {
  readonly kind: 'durationof';
  readonly body: Scope;
}

export type Expression =
  | IntegerLiteral
  | FloatLiteral
  | ImaginaryLiteral
  | BooleanLiteral
  | BitstringLiteral
  | TimingLiteral
  | Identifier
  | HardwareQubit
  | UnaryExpression
  | BinaryExpression
  | CallExpression
  | CastExpression
  | IndexExpression
  | DurationofExpression;

/** `first : last` or `first : step : last`, the last one included. */
export interface RangeExpression extends Node {
  readonly kind: 'range';
  readonly first: Expression | null;
  readonly step: Expression | null;
  readonly last: Expression | null;
}

/** `{a, b, c}` */
export interface SetExpression extends Node {
  readonly kind: 'set';
  readonly elements: readonly Expression[];
}

export interface ArrayLiteral extends Node {
  readonly kind: 'array-literal';
  readonly elements: readonly (Expression | ArrayLiteral)[];
}

export interface MeasureExpression extends Node {
  readonly kind: 'measure';
  readonly operand: GateOperand;
}

/** `name(arguments) operands`, the call of a subroutine in the form of a gate's. */
export interface QuantumCallExpression extends Node {
  readonly kind: 'quantum-call';
  readonly name: string;
  readonly arguments: readonly Expression[];
  readonly operands: readonly GateOperand[];
}

/** `a ++ b ++ c`; one part is allowed too. */
export interface AliasExpression extends Node {
  readonly kind: 'concatenation';
  readonly parts: readonly Expression[];
}

/** What stands in one pair of brackets. */
export type IndexOperator =
  | SetExpression
  | {
      readonly kind: 'list';
      readonly items: readonly (Expression | RangeExpression)[];
      readonly start: number;
    };

/** A name with any number of index operators. */
export interface IndexedIdentifier extends Node {
  readonly kind: 'indexed-identifier';
  readonly name: string;
  readonly indices: readonly IndexOperator[];
}

export type GateOperand = IndexedIdentifier | HardwareQubit;

/** What may stand right of `=`. */
export type Value = Expression | MeasureExpression | QuantumCallExpression;

// Types.

export type ScalarTypeName =
  | 'bit'
  | 'bool'
  | 'int'
  | 'uint'
  | 'float'
  | 'angle'
  | 'complex'
  | 'duration'
  | 'stretch';

export interface ScalarType extends Node {
  readonly kind: 'scalar-type';
  readonly name: ScalarTypeName;
  readonly width: Expression | null;
  /** Of a complex number, where it is named. */
  readonly component: ScalarType | null;
}

export interface ArrayType extends Node {
  readonly kind: 'array-type';
  readonly base: ScalarType;
  readonly dimensions: readonly Expression[];
}

export interface ArrayReferenceType extends Node {
  readonly kind: 'array-reference-type';
  readonly access: 'readonly' | 'mutable';
  readonly base: ScalarType;
  /** Either the sizes or `#dim = count`. */
  readonly dimensions: readonly Expression[];
  readonly dimensionCount: Expression | null;
}

export interface QubitType extends Node {
  readonly kind: 'qubit-type';
  readonly width: Expression | null;
}

/** A parameter of a subroutine; `creg` and `qreg` become the types `bit` and `qubit`. */
export interface ArgumentDefinition extends Node {
  readonly name: string;
  readonly type: ScalarType | QubitType | ArrayReferenceType;
}

// Statements.

export interface Annotation extends Node {
  /** With the `@`. */
  readonly keyword: string;
  /** The rest of its line. */
  readonly content: string;
}

export interface Scope extends Node {
  readonly kind: 'scope';
  readonly statements: readonly Statement[];
}

export interface Modifier extends Node {
  readonly kind: 'inv' | 'pow' | 'ctrl' | 'negctrl';
  /** The exponent, or the number of controls where one is given. */
  readonly argument: Expression | null;
}

export interface GateCall extends Node {
  readonly kind: 'gate-call';
  readonly modifiers: readonly Modifier[];
  /** `gphase` too. */
  readonly name: string;
  readonly arguments: readonly Expression[];
  /** `[duration]` between gate and operands. */
  readonly designator: Expression | null;
  readonly operands: readonly GateOperand[];
}

export interface GateDefinitionStatement extends Node {
  readonly kind: 'gate-definition';
  readonly name: string;
  readonly parameters: readonly string[];
  readonly qubits: readonly string[];
  readonly body: Scope;
  /** Just behind the closing brace. */
  readonly end: number;
}

export interface SwitchCase extends Node {
  /** Null for `default`. */
  readonly values: readonly Expression[] | null;
  readonly body: Scope;
}

export type AssignmentOperator =
  | '='
  | `${'+' | '-' | '*' | '/' | '&' | '|' | '^' | '<<' | '>>' | '%' | '**'}=`;

type StatementBody =
  | Scope
  | GateCall
  | GateDefinitionStatement
  | (Node &
      (
        | { readonly kind: 'pragma'; readonly content: string }
        | { readonly kind: 'include'; readonly path: string }
        | { readonly kind: 'calibration-grammar'; readonly name: string }
        | { readonly kind: 'cal'; readonly body: string }
        | {
            readonly kind: 'defcal';
            readonly target: string;
            readonly arguments: readonly (Expression | ArgumentDefinition)[];
            readonly operands: readonly (Identifier | HardwareQubit)[];
            readonly returns: ScalarType | null;
            readonly body: string;
          }
        | { readonly kind: 'alias'; readonly name: string; readonly value: AliasExpression }
        | {
            readonly kind: 'assignment';
            readonly target: IndexedIdentifier;
            readonly operator: AssignmentOperator;
            readonly value: Value;
          }
        | { readonly kind: 'barrier'; readonly operands: readonly GateOperand[] }
        | { readonly kind: 'nop'; readonly operands: readonly GateOperand[] }
        | { readonly kind: 'reset'; readonly operand: GateOperand }
        | { readonly kind: 'delay'; readonly duration: Expression; readonly operands: readonly GateOperand[] }
        | { readonly kind: 'box'; readonly duration: Expression | null; readonly body: Scope }
        | { readonly kind: 'break' }
        | { readonly kind: 'continue' }
        | { readonly kind: 'end' }
        | {
            readonly kind: 'declaration';
            readonly type: ScalarType | ArrayType;
            readonly name: string;
            readonly value: Value | ArrayLiteral | null;
            readonly constant: boolean;
          }
        | {
            readonly kind: 'io-declaration';
            readonly direction: 'input' | 'output';
            readonly type: ScalarType | ArrayType;
            readonly name: string;
          }
        | { readonly kind: 'qubit-declaration'; readonly name: string; readonly width: Expression | null }
        /** `creg` and `qreg`. */
        | {
            readonly kind: 'register-declaration';
            readonly register: 'creg' | 'qreg';
            readonly name: string;
            readonly width: Expression | null;
          }
        | {
            readonly kind: 'subroutine';
            readonly name: string;
            readonly parameters: readonly ArgumentDefinition[];
            readonly returns: ScalarType | null;
            readonly body: Scope;
          }
        | {
            readonly kind: 'extern';
            readonly name: string;
            readonly parameters: readonly (ScalarType | ArrayReferenceType)[];
            readonly returns: ScalarType | null;
          }
        /** OpenQASM 2. */
        | {
            readonly kind: 'opaque';
            readonly name: string;
            readonly parameters: readonly string[];
            readonly qubits: readonly string[];
          }
        | { readonly kind: 'expression'; readonly expression: Expression }
        | {
            readonly kind: 'for';
            readonly type: ScalarType;
            readonly variable: string;
            readonly values: SetExpression | RangeExpression | Expression;
            readonly body: Statement;
          }
        | {
            readonly kind: 'if';
            readonly condition: Expression;
            readonly then: Statement;
            readonly otherwise: Statement | null;
          }
        | { readonly kind: 'while'; readonly condition: Expression; readonly body: Statement }
        | { readonly kind: 'switch'; readonly subject: Expression; readonly cases: readonly SwitchCase[] }
        | { readonly kind: 'return'; readonly value: Value | null }
        /** `measure q -> c`, `name(arguments) q -> c`, or without a target. */
        | {
            readonly kind: 'measurement';
            readonly value: MeasureExpression | QuantumCallExpression;
            readonly target: IndexedIdentifier | null;
          }
      ));

/** A statement; annotations stand before it, one a line. */
export type Statement = StatementBody & { readonly annotations?: readonly Annotation[] };

/** The statement of a kind. */
export type StatementOf<Kind extends Statement['kind']> = Extract<Statement, { readonly kind: Kind }>;

/** A whole program, or an included file. */
export interface Program {
  /** As written in the version statement, `3.1`; null without one. */
  readonly version: string | null;
  readonly statements: readonly Statement[];
}
