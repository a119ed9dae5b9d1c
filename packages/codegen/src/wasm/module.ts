import { InvalidArgumentError } from '@qedge/core';
import { VALUE_TYPE } from './opcodes.ts';

/** The body of one function: all parameters are i32, there is no result. */
export interface WasmFunction {
  readonly parameterCount: number;
  /** Value type codes of the locals that follow the parameters, in order. */
  readonly localTypes: readonly number[];
  /** Instructions, with the final `end`. */
  readonly code: ArrayLike<number>;
}

/**
 * The functions of one kernel: its routines, then the kernel itself, which alone is exported. They call each other by index, so
 * that a kernel belongs at the place in the module for which it was encoded.
 */
export interface WasmKernel {
  /** The index in the module of the first function. */
  readonly firstFunction: number;
  readonly functions: readonly WasmFunction[];
}

/** A kernel with the name under which a module exports it. */
export interface WasmExport {
  readonly name: string;
  readonly kernel: WasmKernel;
}

/** Where a module looks for its memory. */
export const MEMORY_IMPORT = { module: 'arena', name: 'memory' } as const;

/** Pages of the largest memory that 32-bit addresses reach: 4 GiB. */
const MAXIMUM_PAGES = 65536;

const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const FUNCTION_TYPE = 0x60;
const MEMORY_KIND = 0x02;
const FUNCTION_KIND = 0x00;
const ONE_PAGE_OR_MORE = [0x00, 1];
/** Shared, one page or more, at most {@link MAXIMUM_PAGES}: accepts every shared memory. */
const SHARED_PAGES = [0x03, 1, ...unsignedLeb128(MAXIMUM_PAGES)];

/** Unsigned LEB128 of an integer in 0..2^32-1. */
export function unsignedLeb128(value: number): number[] {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new InvalidArgumentError('Not an unsigned 32-bit integer', {
      expected: '0..2^32-1',
      actual: value,
    });
  }
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return bytes;
}

/** Signed LEB128 of an integer in -2^31..2^31-1. */
export function signedLeb128(value: number): number[] {
  if ((value | 0) !== value) {
    throw new InvalidArgumentError('Not a signed 32-bit integer', {
      expected: '-2^31..2^31-1',
      actual: value,
    });
  }
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

/**
 * Writes a module that imports one memory (`arena.memory`, of one page or more; shared or not) and exports `kernels` under their names.
 * Equal input gives equal bytes.
 *
 * @throws InvalidArgumentError when two kernels share a name or one was encoded for another place.
 */
export function encodeModule(
  kernels: readonly WasmExport[],
  memory: { readonly shared: boolean },
): Uint8Array {
  checkKernels(kernels);
  const functions = kernels.flatMap(({ kernel }) => kernel.functions);
  const arities = [...new Set(functions.map((entry) => entry.parameterCount))];
  const limits = memory.shared ? SHARED_PAGES : ONE_PAGE_OR_MORE;
  return concatenate([
    MAGIC_AND_VERSION,
    ...section(SECTION.type, sequence(arities.map((count) => [functionType(count)]))),
    ...section(
      SECTION.import,
      sequence([[text(MEMORY_IMPORT.module), text(MEMORY_IMPORT.name), [MEMORY_KIND], limits]]),
    ),
    ...section(
      SECTION.function,
      sequence(functions.map((entry) => [unsignedLeb128(arities.indexOf(entry.parameterCount))])),
    ),
    ...section(
      SECTION.export,
      sequence(
        kernels.map(({ name, kernel }) => {
          const index = kernel.firstFunction + kernel.functions.length - 1;
          return [text(name), [FUNCTION_KIND], unsignedLeb128(index)];
        }),
      ),
    ),
    ...section(SECTION.code, sequence(functions.map(functionBody))),
  ]);
}

/** Bytes in pieces, so that long code is copied once. */
type Pieces = readonly ArrayLike<number>[];

function byteLengthOf(pieces: Pieces): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

function concatenate(pieces: Pieces): Uint8Array {
  const bytes = new Uint8Array(byteLengthOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function checkKernels(kernels: readonly WasmExport[]): void {
  const names = kernels.map(({ name }) => name);
  if (new Set(names).size !== names.length) {
    throw new InvalidArgumentError('Two exported functions share a name', { actual: names });
  }
  let next = 0;
  for (const { name, kernel } of kernels) {
    if (kernel.firstFunction !== next) {
      throw new InvalidArgumentError(`The kernel ${name} was encoded for another place in the module`, {
        expected: next,
        actual: kernel.firstFunction,
      });
    }
    next += kernel.functions.length;
  }
}

function section(id: number, content: Pieces): Pieces {
  return [[id, ...unsignedLeb128(byteLengthOf(content))] as ArrayLike<number>].concat(content);
}

function sequence(items: readonly Pieces[]): Pieces {
  return [unsignedLeb128(items.length), ...items.flat()];
}

function text(value: string): number[] {
  const bytes = Array.from(value, (character) => character.charCodeAt(0));
  if (bytes.some((byte) => byte > 0x7f)) {
    throw new InvalidArgumentError('A name in a module must be ASCII', { actual: value });
  }
  return [...unsignedLeb128(bytes.length), ...bytes];
}

function functionType(parameterCount: number): number[] {
  return [
    FUNCTION_TYPE,
    ...unsignedLeb128(parameterCount),
    ...new Array<number>(parameterCount).fill(VALUE_TYPE.i32),
    0,
  ];
}

function functionBody({ localTypes, code }: WasmFunction): Pieces {
  const groups: { type: number; count: number }[] = [];
  for (const type of localTypes) {
    const last = groups.at(-1);
    if (last?.type === type) last.count++;
    else groups.push({ type, count: 1 });
  }
  const locals = sequence(groups.map(({ type, count }) => [[...unsignedLeb128(count), type]]));
  return [unsignedLeb128(byteLengthOf(locals) + code.length), ...locals, code];
}
