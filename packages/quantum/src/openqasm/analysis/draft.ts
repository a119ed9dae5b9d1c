import type {
  ClassicalExpression,
  ClassicalTarget,
  ClassicalType,
} from '../../circuit/classical-expression.ts';
import type {
  BarrierInstruction,
  DelayInstruction,
  ForRange,
  MeasureInstruction,
  ResetInstruction,
  UnitaryKind,
} from '../../circuit/instruction.ts';

/** An instruction before the sizes of its circuit are known: bodies of control flow are lists. */
export type Draft =
  | UnitaryKind
  | BarrierInstruction
  | MeasureInstruction
  | ResetInstruction
  | DelayInstruction
  | { readonly kind: 'break' | 'continue' }
  | { readonly kind: 'assign'; readonly target: ClassicalTarget; readonly value: ClassicalExpression }
  | {
      readonly kind: 'if';
      readonly condition: ClassicalExpression;
      readonly whenTrue: readonly Draft[];
      readonly whenFalse: readonly Draft[];
    }
  | {
      readonly kind: 'while';
      readonly condition: ClassicalExpression;
      readonly body: readonly Draft[];
    }
  | {
      readonly kind: 'for';
      readonly variable: { readonly name: string; readonly type: ClassicalType };
      readonly values: ForRange | readonly ClassicalExpression[];
      readonly body: readonly Draft[];
    }
  | {
      readonly kind: 'switch';
      readonly subject: ClassicalExpression;
      readonly cases: readonly (readonly [readonly number[] | 'default', readonly Draft[]])[];
    };

/** What gates become: unitary instructions and barriers between them. */
export type GateDraft = UnitaryKind | BarrierInstruction;
