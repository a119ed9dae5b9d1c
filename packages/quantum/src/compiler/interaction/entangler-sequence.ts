import type { Instruction } from '../../circuit/instruction.ts';
import type { ParameterValue } from '../../circuit/parameter.ts';
import type { Rotation } from '../translation/rotation.ts';
import type { Direction } from './direction.ts';

/** Something on one qubit that one-qubit gates come before. */
export interface Slot {
  readonly place: number;
  /** What comes before on this qubit; null at the start. */
  readonly previous: Slot | null;
  /** What comes next; null at the end. */
  next: Slot | null;
  readonly event: GateEvent;
  /** Its position among the event's slots. */
  readonly position: number;
  /** The rotation since the slot before. */
  readonly rotation: Rotation;
  /** The direction along which the event acts; null where everything before must be finished. */
  readonly direction: Direction | null;
}

/** An entangler or a turn by a free angle, whose directions and sign can be chosen; a fence; the end of a qubit. */
export interface GateEvent {
  readonly kind: 'entangler' | 'turn' | 'fence' | 'end';
  readonly slots: Slot[];
  readonly angle: ParameterValue | null;
  readonly instruction: Instruction | null;
  /** How it is written: bit 0 exchanges the slots, bit 1 turns all directions round. */
  orientation: number;
}
