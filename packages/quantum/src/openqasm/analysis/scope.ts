import type { ClassicalType } from '../../circuit/classical-expression.ts';
import type { NativeGate } from '../library-gates.ts';
import type { SourceText } from '../syntax/source-text.ts';
import type { GateDefinitionStatement, StatementOf } from '../syntax/syntax-tree.ts';
import type { Slot, SlotBit } from './slot.ts';
import type { Value } from './value.ts';

/** What a name can stand for. */
export type Entity =
  /** A constant, an input, a parameter of a gate, or a loop variable that the running program holds. */
  | { readonly kind: 'constant'; readonly value: Value; readonly type: ClassicalType | null }
  | { readonly kind: 'variable'; readonly slot: Slot }
  /** A bit register or a part of one, the least significant bit first. */
  | { readonly kind: 'bits'; readonly bits: readonly SlotBit[]; readonly single: boolean }
  | { readonly kind: 'qubits'; readonly qubits: readonly number[]; readonly single: boolean }
  | GateEntity
  | {
      readonly kind: 'subroutine';
      readonly statement: StatementOf<'subroutine'>;
      readonly source: SourceText;
      readonly order: number;
      readonly scope: Scope;
    }
  | { readonly kind: 'extern'; readonly name: string };

export type GateEntity =
  | { readonly kind: 'gate'; readonly form: 'native'; readonly name: string; readonly native: NativeGate }
  | {
      readonly kind: 'gate';
      readonly form: 'defined';
      readonly name: string;
      readonly statement: GateDefinitionStatement;
      readonly source: SourceText;
      readonly order: number;
      readonly scope: Scope;
      /** The least number of steps that one application takes. */
      readonly size: number;
    }
  | {
      readonly kind: 'gate';
      readonly form: 'opaque';
      readonly name: string;
      readonly parameterCount: number;
      readonly qubitCount: number;
    };

interface Entry {
  readonly entity: Entity;
  /** Counts declarations through the program. */
  readonly order: number;
}

/** Names and what they stand for, innermost first. */
export class Scope {
  readonly parent: Scope | null;
  /**
   * Set for the body of a gate or a subroutine: names declared later, and variables, qubits and bits of the outside, are hidden.
   */
  readonly #limit: number | null;
  readonly #entries = new Map<string, Entry>();

  constructor(parent: Scope | null, limit: number | null = null) {
    this.parent = parent;
    this.#limit = limit;
  }

  /** What a name stands for, or null. */
  find(name: string): Entity | null {
    let limit = Number.POSITIVE_INFINITY;
    let enclosed = false;
    for (let scope: Scope | null = this; scope !== null; scope = scope.parent) {
      const entry = scope.#entries.get(name);
      if (entry !== undefined && entry.order < limit && !(enclosed && isHidden(entry.entity))) {
        return entry.entity;
      }
      if (scope.#limit !== null) {
        limit = Math.min(limit, scope.#limit);
        enclosed = true;
      }
    }
    return null;
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  set(name: string, entity: Entity, order: number): void {
    this.#entries.set(name, { entity, order });
  }
}

/** Gates and subroutines see constants, gates and subroutines of the outside only. */
function isHidden(entity: Entity): boolean {
  return entity.kind === 'variable' || entity.kind === 'bits' || entity.kind === 'qubits';
}
