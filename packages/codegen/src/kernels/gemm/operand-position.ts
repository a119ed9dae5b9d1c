import type { Pointer, Target } from '../../target/target.ts';

/**
 * A position in an operand that moves while a kernel is emitted. Where an emitted loop moves it, the position lives in an address
 * register; else it is a constant distance from the operand's start, and costs nothing.
 */
export class OperandPosition {
  readonly #target: Target<unknown>;
  readonly #argument: number;
  readonly #pointer: Pointer | null;
  #offset: number;

  /** @param argument the field of the argument block that holds the operand's address; the position starts `offset` bytes after. */
  constructor(target: Target<unknown>, argument: number, offset: number, pointer: Pointer | null) {
    this.#target = target;
    this.#argument = argument;
    this.#offset = offset;
    this.#pointer = pointer;
  }

  /** Sets the register, once, before anything moves. */
  start(): void {
    if (this.#pointer === null) return;
    this.#target.argument(this.#pointer, this.#argument);
    this.#target.advance(this.#pointer, this.#offset);
  }

  move(bytes: number): void {
    if (this.#pointer === null) this.#offset += bytes;
    else this.#target.advance(this.#pointer, bytes);
  }

  /** Puts the position into a register that may be changed freely. */
  copyTo(destination: Pointer): void {
    if (this.#pointer !== null) {
      this.#target.copyPointer(destination, this.#pointer);
      return;
    }
    this.#target.argument(destination, this.#argument);
    this.#target.advance(destination, this.#offset);
  }
}
