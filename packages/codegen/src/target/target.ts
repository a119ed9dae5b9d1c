declare const vectorBrand: unique symbol;
declare const pointerBrand: unique symbol;
declare const countBrand: unique symbol;

/** A vector register: 32-bit lanes that hold float32, int32, or pairs of int16. Handed out by {@link Target.vectors}. */
export type Vector = number & { readonly [vectorBrand]: true };
/** A register that holds a byte address. */
export type Pointer = number & { readonly [pointerBrand]: true };
/** A register that holds a repeat count known only at run time. */
export type Count = number & { readonly [countBrand]: true };

/** A place in memory: the address in `base` plus `offset` bytes (0 or more). */
export interface MemoryOperand {
  readonly base: Pointer;
  readonly offset: number;
}

/** What kernels may rely on, and what they must adapt to, on one target. */
export interface TargetTraits {
  /** Stable, lower case; part of the key under which generated code is cached. */
  readonly id: string;
  /** 32-bit lanes per vector: 4, 8 or 16. */
  readonly lanes: number;
  /** Vector registers that kernels may claim. */
  readonly vectors: number;
  /** Registers that the target itself needs for the product inside one `fma` or `dot`: kernels claim them too. */
  readonly temporaries: { readonly fma: number; readonly dot: number };
  /**
   * How `fma` rounds: `once` after the exact product and sum, `twice` (product, then sum; the same bits on every host),
   * or `host` where the engine chooses between the two.
   */
  readonly fmaRounding: 'once' | 'twice' | 'host';
  /**
   * True when the code generator behind the target may move every load of a loop turn to its start, as V8 of Node 20 does:
   * each loaded value then needs a register of its own, and a tile that ignores it runs at half speed.
   */
  readonly hoistsLoads: boolean;
}

/** Lane-wise operations on float32. `min` is `b < a ? b : a`, `max` is `a < b ? b : a`: with a NaN both give `a`. */
export type BinaryOperation = 'add' | 'multiply' | 'divide' | 'min' | 'max';

/**
 * - `int32-to-float32`: to nearest, ties to even;
 * - `float32-to-int32`: to nearest, ties to even; out of range saturates, NaN gives 0.
 */
export type Conversion = 'int32-to-float32' | 'float32-to-int32';

/** Shifts of 16-bit lanes. */
export type Shift = 'left' | 'right-signed';

/**
 * What a kernel is written against: every call appends to the code that {@link Target.finish} returns. One kernel source
 * thus becomes interpreted steps or WebAssembly; a machine-code encoder implements the same interface.
 *
 * Vectors start with undefined content. Kernels never name an instruction set.
 */
export interface Target<Code> {
  readonly traits: TargetTraits;

  /** Claims `count` registers for `role`. @throws RegisterBudgetError when the target has no more. */
  vectors(role: string, count: number): Vector[];
  /** The address passed as argument `index`, in a register that may be advanced. */
  pointerArgument(index: number): Pointer;
  /** The repeat count passed as argument `index`. */
  countArgument(index: number): Count;
  /** A further address register; its content is undefined until `copyPointer`. */
  pointer(): Pointer;
  copyPointer(destination: Pointer, source: Pointer): void;
  /** Adds `bytes`, which may be negative. */
  advance(pointer: Pointer, bytes: number): void;

  /** Repeats what `body` emits `times` times; 0 is allowed. */
  loop(times: number, body: () => void): void;
  /** Like `loop`, with a count that is known only when the kernel runs. */
  loopCount(count: Count, body: () => void): void;

  /** Loads the first `lanes` 32-bit lanes (default: all) and zeroes the rest. Touches no byte beyond them. */
  load(destination: Vector, memory: MemoryOperand, lanes?: number): void;
  /** Loads twice as many int8 as there are lanes and widens them to int16. */
  loadWidened(destination: Vector, memory: MemoryOperand): void;
  /** Loads one 32-bit value into every lane. */
  splat(destination: Vector, memory: MemoryOperand): void;
  /** Stores the first `lanes` 32-bit lanes (default: all). Touches no byte beyond them. */
  store(source: Vector, memory: MemoryOperand, lanes?: number): void;
  /** Stores every int32 lane as int16, saturated: two bytes per lane. */
  storeNarrowed(source: Vector, memory: MemoryOperand): void;

  /** All lanes zero. */
  zero(destination: Vector): void;
  binary(operation: BinaryOperation, destination: Vector, a: Vector, b: Vector): void;
  convert(conversion: Conversion, destination: Vector, source: Vector): void;
  shift(shift: Shift, destination: Vector, source: Vector, bits: number): void;
  /** `accumulator += a * b` on float32; see {@link TargetTraits.fmaRounding}. */
  fma(accumulator: Vector, a: Vector, b: Vector): void;
  /** `accumulator += a.low * b.low + a.high * b.high` per lane: int16 pairs into int32, exact (wraps at 32 bits). */
  dot(accumulator: Vector, a: Vector, b: Vector): void;

  /** Ends the kernel. The target must not be used afterwards. */
  finish(): Code;
}
