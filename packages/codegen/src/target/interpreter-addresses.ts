import { ARGUMENT_BYTES } from '../host/argument-block.ts';
import { BLOCK, locate, type Step } from './interpreter-machine.ts';
import type { Pointer } from './target.ts';

// Steps on addresses. Pointers are exact numbers; bits beyond 32 are taken by division.

/** Bit `position` of an address. */
function bitOf(address: number, position: number): number {
  return Math.floor(address / 2 ** position) % 2;
}

/** `destination = a + b`. */
export function addAddresses(destination: Pointer, a: Pointer, b: Pointer): Step {
  return ({ pointers }) => {
    pointers[destination] = pointers[a]! + pointers[b]!;
  };
}

/** `destination = source + bytes`. */
export function offsetAddress(destination: Pointer, source: Pointer, bytes: number): Step {
  return ({ pointers }) => {
    pointers[destination] = pointers[source]! + bytes;
  };
}

/** Writes a pointer to a field of the argument block. */
export function writeField(index: number, source: Pointer): Step {
  return (machine) => {
    const at = locate(machine, BLOCK, index * ARGUMENT_BYTES, ARGUMENT_BYTES);
    const value = machine.pointers[source]!;
    machine.memory.setUint32(at, value % 2 ** 32, true);
    machine.memory.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  };
}

/** `destination = ` the bits of `source` at `positions`, moved up by `shift`. */
export function selectBits(
  destination: Pointer,
  source: Pointer,
  positions: readonly number[],
  shift: number,
): Step {
  return ({ pointers }) => {
    const from = pointers[source]!;
    pointers[destination] = positions.reduce((sum, bit, i) => sum + bitOf(from, bit) * 2 ** (shift + i), 0);
  };
}

/** `destination = 2^shift` where an odd number of the bits at `positions` are set, else 0. */
export function parity(
  destination: Pointer,
  source: Pointer,
  positions: readonly number[],
  shift: number,
): Step {
  return ({ pointers }) => {
    const from = pointers[source]!;
    const count = positions.reduce((sum, bit) => sum + bitOf(from, bit), 0);
    pointers[destination] = (count % 2) * 2 ** shift;
  };
}

/** The next subset of the bits of `mask`: a carry runs through them. */
export function nextSubset(subset: number, mask: number): number {
  let next = 0;
  let carry = 1;
  for (let bit = 0; 2 ** bit <= mask; bit++) {
    if (bitOf(mask, bit) === 0) continue;
    const sum = bitOf(subset, bit) + carry;
    next += (sum % 2) * 2 ** bit;
    carry = sum >> 1;
  }
  return next;
}
