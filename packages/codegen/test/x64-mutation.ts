import { Assembler } from '../src/x64/assembler.ts';
import { type OperandForm, VectorInstruction } from '../src/x64/instructions.ts';

/** A plausible mistake in an encoder or a target, and what notices it. */
export interface X64Mutation {
  readonly name: string;
  /** The target id whose code is wrong; others need not be. */
  readonly profile: string;
  /** Names of operation cases that must fail. */
  readonly cases: readonly string[];
  /** Part of a fault that the analysis of the code must report, instead of running it. */
  readonly fault?: string;
  /** True when running it may end the process. */
  readonly mayCrash?: boolean;
  /** Breaks the encoder. Returns a function that mends it. */
  readonly apply: () => () => void;
}

export type AnyMethod = (...values: never[]) => unknown;

/** Replaces a method of all instances. */
export function replaced<Owner extends object, Name extends keyof Owner>(
  owner: Owner,
  name: Name,
  change: (original: Owner[Name]) => Owner[Name],
): () => () => void {
  return () => {
    const original = owner[name];
    owner[name] = change(original);
    return () => {
      owner[name] = original;
    };
  };
}

const FORM_METHODS = ['rm', 'mr', 'rvm', 'rmi', 'mri', 'rvmi', 'vmi', 'kvmi'] as const;
export type AnyRow = VectorInstruction<OperandForm, never>;

/** Another row wherever `from` is asked for. */
export function exchangedRows(pairs: readonly (readonly [AnyRow, AnyRow])[]): () => () => void {
  const rows = new Map(pairs);
  const changes = FORM_METHODS.map((name) =>
    replaced(Assembler.prototype as unknown as Record<string, AnyMethod>, name, (original) => {
      return function (this: Assembler, row: AnyRow, ...rest: never[]) {
        return original.call(this, (rows.get(row) ?? row) as never, ...rest);
      } as AnyMethod;
    }),
  );
  return () => {
    const mend = changes.map((change) => change());
    return () => {
      for (const restore of mend.reverse()) restore();
    };
  };
}

/** A copy of a row with other fields. */
export function changedRow(row: AnyRow, fields: Partial<Record<keyof AnyRow, unknown>>): AnyRow {
  return Object.assign(Object.create(VectorInstruction.prototype) as AnyRow, row, fields);
}

/** A row with other fields wherever it is used. */
export function withRow(row: AnyRow, fields: Partial<Record<keyof AnyRow, unknown>>): () => () => void {
  return exchangedRows([[row, changedRow(row, fields)]]);
}

/** Other words in the constants behind the code. */
export function withConstant(from: number, to: number): () => () => void {
  return replaced(Assembler.prototype, 'constant', (original) => {
    return function (this: Assembler, ...words: readonly number[]) {
      return original.apply(
        this,
        words.map((word) => (word === from ? to : word)),
      );
    };
  });
}

/** Another immediate operand of one row. */
export function withImmediate(
  form: 'rmi' | 'mri' | 'rvmi',
  row: AnyRow,
  change: (immediate: number) => number,
): () => () => void {
  const at = form === 'rvmi' ? 5 : 4;
  return replaced(Assembler.prototype as unknown as Record<string, AnyMethod>, form, (original) => {
    return function (this: Assembler, ...operands: never[]) {
      const changed: unknown[] = [...operands];
      if (operands[0] === row) changed[at] = change(operands[at]!);
      return original.apply(this, changed as never[]);
    } as AnyMethod;
  });
}

/** What is passed on as the mask of loads or stores. */
export function withMasking(
  form: 'rm' | 'mr',
  row: AnyRow,
  change: (masking: number) => number,
): () => () => void {
  return replaced(Assembler.prototype as unknown as Record<string, AnyMethod>, form, (original) => {
    return function (this: Assembler, ...operands: never[]) {
      const changed: unknown[] = [...operands];
      if (operands[0] === row && operands.length > 4) changed[4] = change(operands[4]!);
      return original.apply(this, changed as never[]);
    } as AnyMethod;
  });
}

export function both(...changes: readonly (() => () => void)[]): () => () => void {
  return () => {
    const mend = changes.map((change) => change());
    return () => {
      for (const restore of mend.reverse()) restore();
    };
  };
}

/** What `emit` makes while the encoder is broken. */
export function withMutation<Result>(mutation: X64Mutation, emit: () => Result): Result {
  const mend = mutation.apply();
  try {
    return emit();
  } finally {
    mend();
  }
}
