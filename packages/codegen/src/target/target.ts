declare const vectorBrand: unique symbol;
declare const pointerBrand: unique symbol;
declare const routineBrand: unique symbol;

/** What floating-point operations of a target work on. */
export type FloatElement = 'float32' | 'float64';

/**
 * A vector register: 32-bit lanes that hold float32, int32, pairs of 16-bit or groups of four 8-bit integers; or 64-bit lanes that hold
 * float64.
 */
export type Vector = number & { readonly [vectorBrand]: true };
/** A register that holds a byte address. Handed out by {@link Target.pointer}. */
export type Pointer = number & { readonly [pointerBrand]: true };
/** A piece of code that is emitted once and called from several places. */
export type Routine = number & { readonly [routineBrand]: true };

/** A place in memory: the address in `base` plus `offset` bytes (0 or more, below 2^31). */
export interface MemoryOperand {
  readonly base: Pointer;
  readonly offset: number;
}

/**
 * The form of the integer dot product, which decides how operands are packed:
 * - `bytes`: four uint8 times four int8 per lane (A holds the unsigned, B the signed numbers);
 * - `words`: two int16 times two int16 per lane.
 *
 * Both are exact: no intermediate sum saturates; the int32 accumulator wraps.
 */
export type DotForm = 'bytes' | 'words';

/** What kernels may rely on, and what they must adapt to, on one target. */
export interface TargetTraits {
  /** Stable, lower case; part of the key under which generated code is cached. */
  readonly id: string;
  /**
   * What lanes hold. On float64 there are loads, stores, `splat`, `zero`, `copy`, `float`, multiply-adds and `exchange`; everything that
   * concerns integers or other formats is refused.
   */
  readonly element: FloatElement;
  /** Lanes per vector: 4, 8 or 16 of 32 bits; 2, 4 or 8 of 64 bits. */
  readonly lanes: number;
  /** Vector registers that kernels may claim. */
  readonly vectors: number;
  /** Address registers that kernels may claim; every loop that is open at the same time takes one of them too. */
  readonly pointers: number;
  /**
   * Vector registers that the target takes from the same budget, once, when an operation is first used: for the product inside
   * `fma` or `dot`, for the conversion of 16-bit floats. A tile that fills the registers subtracts them.
   */
  readonly temporaries: { readonly fma: number; readonly dot: number; readonly half: number };
  /**
   * How `fma` rounds: `once` after the exact product and sum, `twice` (product, then sum; the same bits on every host),
   * or `host` where the engine chooses between the two.
   */
  readonly fmaRounding: 'once' | 'twice' | 'host';
  readonly dot: DotForm;
  /**
   * Bits that the unsigned operand of {@link Target.multiplyBytes} may have: 8 where a processor takes whole bytes (`vpmaddubsw`), 7 in
   * relaxed WebAssembly (`i16x8.relaxed_dot_i8x16_i7x16_s`, whose engines may read the eighth bit as a sign), 0 where there is none.
   */
  readonly multiplyBytes: 0 | 7 | 8;
  /** True where {@link Target.dotBfloat16} exists (`vdpbf16ps`). */
  readonly dotBfloat16: boolean;
  /**
   * True when the code generator behind the target may move every load of a loop turn to its start, as V8 of Node 20 does:
   * each loaded value then needs a register of its own, and a tile that ignores it runs at half speed.
   */
  readonly hoistsLoads: boolean;
  /**
   * How often the body of an innermost loop is best repeated per turn: 1 where a compiler behind the target allocates the registers
   * and would spill, 4 where the code runs as it is emitted.
   */
  readonly unroll: number;
}

/** Lane-wise operations on the element. `min` is `b < a ? b : a`, `max` is `a < b ? b : a`: with a NaN both give `a`. */
export type FloatOperation = 'add' | 'subtract' | 'multiply' | 'divide' | 'min' | 'max';

/** Lane-wise operations on 32-bit integers (wrapping); the bitwise ones serve any content. `andNot` is `~a & b`. */
export type IntegerOperation = 'add' | 'subtract' | 'and' | 'or' | 'xor' | 'andNot';

/** Comparisons of float32 lanes; with a NaN they do not hold, and the zeros are equal. */
export type Comparison = 'equal' | 'less' | 'less-or-equal';

/** How float32 lanes become integers, as float32: `nearest` goes to even on ties. */
export type Rounding = 'nearest' | 'floor' | 'ceiling';

/**
 * - `int32-to-float32`: to nearest, ties to even;
 * - `float32-to-int32`: to nearest, ties to even. Kernels clamp first: what a NaN or a value outside int32 gives is undefined,
 *   and the interpreter refuses it.
 */
export type Conversion = 'int32-to-float32' | 'float32-to-int32';

/** Shifts of lanes of 16 or 32 bits. */
export type Shift = 'left' | 'right-signed' | 'right-unsigned';

/** How numbers lie in memory when a lane of 32 bits is not stored as it is. Widening is exact. */
export type NarrowFormat = 'int8' | 'uint8' | 'int16' | 'uint16' | 'float16' | 'bfloat16';

/**
 * What a kernel is written against: every call appends to the code that {@link Target.finish} returns. One kernel source
 * thus becomes interpreted steps, WebAssembly or machine code. Kernels never name an instruction set.
 *
 * A kernel is a function of one argument: the address of its argument block, little-endian fields of eight bytes that hold an
 * address, a count (32 bits) or a float32 (the first four bytes). {@link Target.block} may be read like any memory.
 *
 * Vectors start with undefined content. Addresses need no alignment.
 */
export interface Target<Code> {
  readonly traits: TargetTraits;
  /** Holds the address of the argument block. Must not be changed. */
  readonly block: Pointer;

  /** Claims `count` registers for `role`. Nothing is given back. @throws RegisterBudgetError when the target has no more. */
  vectors(role: string, count: number): Vector[];
  /** Claims an address register; its content is undefined. @throws RegisterBudgetError when the target has no more. */
  pointer(role: string): Pointer;
  /** `destination = address in field index of the argument block`. */
  argument(destination: Pointer, index: number): void;
  copyPointer(destination: Pointer, source: Pointer): void;
  /** Adds `bytes`, any integer within 32 bits. */
  advance(pointer: Pointer, bytes: number): void;
  /** Adds a count that is known only at run time: `pointer += field index of the block * scale`, scale an integer >= 1. */
  advanceByArgument(pointer: Pointer, index: number, scale: number): void;

  /** `pointer += word at memory * scale`: the word is an unsigned integer of 32 bits, scale an integer >= 1. */
  advanceByWord(pointer: Pointer, memory: MemoryOperand, scale: number): void;

  /** `destination = a + b`: an address and a distance. */
  addPointers(destination: Pointer, a: Pointer, b: Pointer): void;
  /** `destination = source + bytes`, an integer from 0 to 2^47 - 1 within the target's addresses. */
  offsetPointer(destination: Pointer, source: Pointer, bytes: number): void;
  /** Writes a pointer to field `index` of the argument block, from where {@link argument} reads it. */
  setArgument(index: number, source: Pointer): void;
  /**
   * `destination = ` the bits of `source` at `positions` (0..46, each once), the first one least significant, times `2^shift`.
   * `destination` is not `source`; all but the lowest 31 bits of the result are 0.
   */
  gatherBits(destination: Pointer, source: Pointer, positions: readonly number[], shift: number): void;
  /** `destination = 2^shift` where an odd number of the bits of `source` at `positions` are set, else 0. `destination` is not `source`. */
  parityOfBits(destination: Pointer, source: Pointer, positions: readonly number[], shift: number): void;
  /** The subset of the bits of `mask` (below 2^47) that comes after the one in `pointer`; 0 after the last one. */
  nextSubset(pointer: Pointer, mask: number): void;
  /** Repeats what `body` emits for every subset of the bits of `mask`, in ascending order from 0; `pointer` holds it. */
  loopSubsets(pointer: Pointer, mask: number, body: () => void): void;
  /**
   * Emits the same code as the first time with this key, on any target of the same host, without running `emit` again. The key must
   * say everything that the code depends on, the registers too. Only in a routine, after every register was claimed, and for straight
   * code: no loops, calls or constants.
   */
  fragment(key: string, emit: () => void): void;

  /** Repeats what `body` emits `times` times; 0 is allowed. */
  loop(times: number, body: () => void): void;
  /** Like `loop`, with the count in field `index` of the argument block; 0 is allowed. */
  loopArgument(index: number, body: () => void): void;
  /**
   * Emits `body` once, out of line. Inside, only `pointers` (claimed before) and the block hold defined values: those that the
   * caller has there when it calls. After a call the content of these pointers and of all vectors is undefined; other pointers keep
   * theirs. Routines must be defined outside of loops and routines, before the first call, and may not call each other.
   */
  routine(pointers: readonly Pointer[], body: () => void): Routine;
  call(routine: Routine): void;

  /** Loads the first `lanes` lanes (default: all) and zeroes the rest. Touches no byte beyond them. */
  load(destination: Vector, memory: MemoryOperand, lanes?: number): void;
  /**
   * Loads the first `lanes` numbers of a narrow format (default: one per lane), widens them to int32 or float32 lanes and zeroes the
   * rest. Touches no byte beyond them.
   */
  loadNarrow(format: NarrowFormat, destination: Vector, memory: MemoryOperand, lanes?: number): void;
  /** Loads twice as many int8 (or uint8) as there are lanes and widens them to int16 pairs. */
  loadPairs(format: 'int8' | 'uint8', destination: Vector, memory: MemoryOperand): void;
  /** Loads one value into every lane. */
  splat(destination: Vector, memory: MemoryOperand): void;
  /** Loads one float16 or bfloat16 into every lane as float32. */
  splatNarrow(format: 'float16' | 'bfloat16', destination: Vector, memory: MemoryOperand): void;
  /** Stores the first `lanes` lanes (default: all). Touches no byte beyond them. */
  store(source: Vector, memory: MemoryOperand, lanes?: number): void;
  /**
   * Stores the first `lanes` lanes (default: all) in a narrow format: int32 lanes saturated, float32 lanes to nearest, ties to even
   * (a NaN stays a NaN, too large becomes infinity, float16 subnormals are kept). Touches no byte beyond them.
   */
  storeNarrow(format: NarrowFormat, source: Vector, memory: MemoryOperand, lanes?: number): void;
  /** Loads whole vectors, each from its own offset to one base: the same as a `load` for each, and quicker to emit. */
  loadAll(destinations: readonly Vector[], base: Pointer, offsets: readonly number[]): void;
  /** Stores whole vectors, each at its own offset to one base, in order: the same as a `store` for each, and quicker to emit. */
  storeAll(sources: readonly Vector[], base: Pointer, offsets: readonly number[]): void;
  /** Copies one 32-bit word from memory to memory through a scalar register. */
  moveWord(destination: MemoryOperand, source: MemoryOperand): void;
  /** A hint that the cache line will be read (or, with `write`, written) soon; may do nothing. Never faults. */
  prefetch(memory: MemoryOperand, write?: boolean): void;
  /** The same for the second cache: the line is needed only after much other work. */
  prefetchLater(memory: MemoryOperand): void;

  /** All lanes zero. */
  zero(destination: Vector): void;
  /** A float32 in every lane. */
  constant(destination: Vector, value: number): void;
  /** The same 32 bits (an integer, taken modulo 2^32) in every lane. */
  integerConstant(destination: Vector, bits: number): void;
  /** The integer i in lane i. */
  laneIndices(destination: Vector): void;
  copy(destination: Vector, source: Vector): void;
  float(operation: FloatOperation, destination: Vector, a: Vector, b: Vector): void;
  squareRoot(destination: Vector, source: Vector): void;
  /** Replaces NaN by 0. */
  zeroNaN(destination: Vector, source: Vector): void;
  /** All bits of a lane where the comparison of `a` with `b` holds, else none. */
  compare(comparison: Comparison, destination: Vector, a: Vector, b: Vector): void;
  /** To integers within float32: what is none below 2^23 in magnitude; keeps the sign of zero, NaNs and infinities. */
  round(rounding: Rounding, destination: Vector, source: Vector): void;
  integer(operation: IntegerOperation, destination: Vector, a: Vector, b: Vector): void;
  /** Adds lanes of 16 bits, wrapping. */
  addWords(destination: Vector, a: Vector, b: Vector): void;
  shift(shift: Shift, width: 16 | 32, destination: Vector, source: Vector, bits: number): void;
  convert(conversion: Conversion, destination: Vector, source: Vector): void;
  /**
   * `accumulator += a * b` on the element; see {@link TargetTraits.fmaRounding}.
   *
   * @param lanes default: all. What the lanes after these hold afterwards is undefined, so that a target can take a shorter instruction.
   */
  fma(accumulator: Vector, a: Vector, b: Vector, lanes?: number): void;
  /** `accumulator -= a * b` on the element. */
  fnma(accumulator: Vector, a: Vector, b: Vector): void;
  /** `accumulator = accumulator * factor + addend`, rounded as {@link fma}. */
  multiplyAdd(accumulator: Vector, factor: Vector, addend: Vector): void;
  /** `accumulator += dot(a, b)` per lane into int32; {@link TargetTraits.dot} says what `a` and `b` hold. */
  dot(accumulator: Vector, a: Vector, b: Vector): void;
  /** `destination = a.low * b.low + a.high * b.high` per lane: int16 pairs into int32, exact. On every target. */
  multiplyWords(destination: Vector, a: Vector, b: Vector): void;
  /**
   * `destination = ` sums of neighbouring products of unsigned bytes `a` and signed bytes `b`, as int16. Exact while no byte of `a` is
   * above 127, on every target; where {@link TargetTraits.multiplyBytes} is 8, larger ones may be, and sums saturate.
   */
  multiplyBytes(destination: Vector, a: Vector, b: Vector): void;
  /** `accumulator += a.low * b.low + a.high * b.high` on bfloat16 pairs, into float32; subnormals may count as 0. */
  dotBfloat16(accumulator: Vector, a: Vector, b: Vector): void;
  /**
   * Lane i gets what lane `i xor mask` holds, 0 < mask < lanes.
   *
   * @param workspace bytes for one vector that the operation may overwrite: targets whose vectors are pairs exchange halves faster through
   *   memory.
   */
  exchange(destination: Vector, source: Vector, mask: number, workspace?: MemoryOperand): void;

  /** Ends the kernel. The target must not be used afterwards. */
  finish(): Code;
}
