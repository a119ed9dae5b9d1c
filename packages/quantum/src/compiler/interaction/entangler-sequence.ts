import type { Instruction } from '../../circuit/instruction.ts';
import type { ParameterValue } from '../../circuit/parameter.ts';
import type { Rotation } from '../translation/rotation.ts';
import type { Direction } from './direction.ts';

/** Something on one qubit that one-qubit gates come before. */
export interface Slot {
  /** Its place in the order of all slots. */
  readonly index: number;
  readonly place: number;
  /** What comes before on this qubit, by its index; -1 at the start. */
  readonly previous: number;
  /** What comes next; -1 at the end. */
  next: number;
  readonly event: GateEvent;
  /** Its position among the event's slots. */
  readonly position: number;
  /** The rotation since the slot before. */
  readonly rotation: Rotation;
  /** The direction along which the event acts; null where everything before must be finished. */
  readonly direction: Direction | null;
}

/** An entangler or a turn by a free angle, whose directions and sign can be chosen; a fence; the end of all qubits. */
export interface GateEvent {
  readonly kind: 'entangler' | 'turn' | 'fence' | 'end';
  readonly slots: Slot[];
  /** Of the gates that have one. */
  readonly angle: ParameterValue | null;
  readonly instruction: Instruction | null;
  /**
   * How it is written: bit 0 exchanges the slots, bit 1 turns all directions round. Bit 2 turns the first one round, for which
   * half a turn about each axis follows.
   */
  orientation: number;
}
