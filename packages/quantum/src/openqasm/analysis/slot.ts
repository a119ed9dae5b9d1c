import type { ClassicalTarget, ClassicalType } from '../../circuit/classical-expression.ts';
import type { KnownValue } from './value.ts';

/**
 * A classical variable or bit register of the program. Values that follow from the program alone are tracked here instead of
 * being computed by the running circuit.
 */
export interface Slot {
  readonly name: string;
  /** Null for arrays and durations, which exist only while the program is read. */
  readonly type: ClassicalType | null;
  /** The value, or null when only the running program knows it. */
  known: KnownValue | null;
  /** True when the running program's memory holds the known value. */
  synced: boolean;
  /** True for a name of the program's outermost scope, whose bits are output. */
  isGlobal: boolean;
  /** Where the running program keeps it; made when first needed. */
  readonly storage: Storage;
}

/** Memory of the running program, shared by all lives of one declaration. */
export interface Storage {
  readonly name: string;
  readonly type: ClassicalType | null;
  /** Null until allocated. */
  place: Exclude<ClassicalTarget, { readonly kind: 'index' }> | null;
}

/** One bit of a slot. */
export interface SlotBit {
  readonly slot: Slot;
  readonly bit: number;
}
