import { InvalidArgumentError } from '@qedge/core';
import type {
  ClassicalExpression,
  ClassicalTarget,
  ClassicalType,
  ClassicalValue,
  ClassicalVariable,
} from './classical-expression.ts';
import { castValue, evaluateClassical } from './evaluate-classical.ts';

/** What a dynamic circuit remembers while it runs: its classical bits and its variables. */
export class ClassicalMemory {
  /** One entry per classical bit. */
  readonly bits: Uint8Array;
  readonly #variables = new Map<string, ClassicalValue>();

  /** All bits 0, all variables at their initial values (without one: 0 or false). */
  constructor(clbitCount: number, variables: readonly ClassicalVariable[] = []) {
    this.bits = new Uint8Array(clbitCount);
    for (const variable of variables) this.declare(variable);
  }

  /** Adds a variable, or sets one back to its initial value. */
  declare({ name, type, initial }: ClassicalVariable): void {
    const value = initial ? evaluateClassical(initial, this) : zeroOf(type);
    this.#variables.set(name, castValue(value, type));
  }

  /** The value of a variable. @throws InvalidArgumentError for one that is not declared. */
  read(name: string): ClassicalValue {
    const value = this.#variables.get(name);
    if (value !== undefined) return value;
    throw new InvalidArgumentError('There is no such classical variable', {
      expected: [...this.#variables.keys()].join(', ') || 'a declared variable',
      actual: name,
    });
  }

  /** Every variable with its value. */
  get variables(): ReadonlyMap<string, ClassicalValue> {
    return this.#variables;
  }

  /** Writes a value, cast to the target's type. @throws InvalidArgumentError where it cannot be cast, or for a bit that is not there. */
  assign(target: ClassicalTarget, value: ClassicalValue): void {
    switch (target.kind) {
      case 'bit':
        this.bits[target.clbit] = Number(castValue(value, { kind: 'bit', size: 1 }).value);
        break;
      case 'bits': {
        let rest = castValue(value, { kind: 'bit', size: target.clbits.length }).value as bigint;
        for (const clbit of target.clbits) {
          this.bits[clbit] = Number(rest & 1n);
          rest >>= 1n;
        }
        break;
      }
      case 'variable':
        this.#variables.set(target.name, castValue(value, target.type));
        break;
      case 'index':
        this.#assignBit(target.operand.name, target.index, value);
    }
  }

  #assignBit(name: string, index: ClassicalExpression, value: ClassicalValue): void {
    const { type, value: old } = this.read(name);
    const size = type.kind === 'bool' || type.kind === 'float' ? 0 : type.size;
    const place = evaluateClassical(index, this).value as bigint;
    if (place < 0n || place >= BigInt(size)) {
      throw new InvalidArgumentError('A bit of a variable is out of range', {
        expected: `0..${size - 1}`,
        actual: String(place),
      });
    }
    const bit = castValue(value, { kind: 'bit', size: 1 }).value as bigint;
    const cleared = BigInt.asUintN(size, old as bigint) & ~(1n << place);
    const bits: ClassicalValue = { type: { kind: 'uint', size }, value: cleared | (bit << place) };
    this.#variables.set(name, { type, value: wrap(bits.value as bigint, type) });
  }

  /** A copy that changes on its own. */
  clone(): ClassicalMemory {
    const copy = new ClassicalMemory(this.bits.length);
    copy.bits.set(this.bits);
    for (const [name, value] of this.#variables) copy.#variables.set(name, value);
    return copy;
  }
}

function wrap(value: bigint, type: ClassicalType): bigint {
  const size = type.kind === 'bool' ? 1 : type.size;
  return type.kind === 'int' ? BigInt.asIntN(size, value) : BigInt.asUintN(size, value);
}

function zeroOf(type: ClassicalType): ClassicalValue {
  if (type.kind === 'bool') return { type, value: false };
  return { type, value: type.kind === 'float' ? 0 : 0n };
}
