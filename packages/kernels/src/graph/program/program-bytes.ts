import { FileFormatError, QedgeError } from '@qedge/core';
import { checkProgram } from './check-program.ts';
import type { Program } from './program.ts';

/** Lengths of the parts that follow each other: JSON, relocations, image, code. */
const LENGTHS_BYTES = 4 * 4;
/** Parts begin at multiples of this. */
const PART_ALIGNMENT = 8;

/** What the JSON of a program holds. */
type ProgramJson = Omit<Program, 'relocations' | 'image' | 'kernels'> & {
  readonly kernels: Omit<Program['kernels'], 'code'>;
};

/** A program as the bytes of a section. */
export function encodeProgram({
  relocations,
  image,
  kernels: { code, ...kernels },
  ...rest
}: Program): Uint8Array {
  const value: ProgramJson = { ...rest, kernels };
  const parts = [
    new TextEncoder().encode(JSON.stringify(value)),
    new Uint8Array(relocations.buffer, relocations.byteOffset, relocations.byteLength),
    image,
    code,
  ];
  const bytes = new Uint8Array(
    parts.reduce((sum, { byteLength }) => sum + alignUp(byteLength), alignUp(LENGTHS_BYTES)),
  );
  const view = new DataView(bytes.buffer);
  let at = alignUp(LENGTHS_BYTES);
  for (const [index, part] of parts.entries()) {
    view.setUint32(index * 4, part.byteLength, true);
    bytes.set(part, at);
    at += alignUp(part.byteLength);
  }
  return bytes;
}

/**
 * Reads what {@link encodeProgram} wrote, and checks that everything lies where there is room for it.
 *
 * @param bytes whose checksum is right; borrowed for the result's life.
 * @param name of the file, for messages.
 * @throws FileFormatError.
 */
export function decodeProgram(bytes: Uint8Array, name: string): Program {
  try {
    const [json, relocations, image, code] = partsOf(bytes);
    const { kernels, ...rest } = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(json),
    ) as ProgramJson;
    const words = new Uint32Array(Math.floor(relocations.byteLength / 4));
    new Uint8Array(words.buffer).set(relocations.subarray(0, words.byteLength));
    const program: Program = { ...rest, relocations: words, image, kernels: { ...kernels, code } };
    checkProgram(program);
    return program;
  } catch (cause) {
    const why = cause instanceof QedgeError ? cause.message : 'it is no program';
    throw new FileFormatError(`${name} has an impossible program: ${why}`, {
      remedy: 'Prepare the model again.',
      cause,
    });
  }
}

function partsOf(bytes: Uint8Array): [Uint8Array, Uint8Array, Uint8Array, Uint8Array] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = alignUp(LENGTHS_BYTES);
  const parts = [0, 1, 2, 3].map((index) => {
    const byteLength = view.getUint32(index * 4, true);
    if (at + byteLength > bytes.byteLength) {
      throw new FileFormatError('a part is longer than the whole', {
        expected: `at most ${bytes.byteLength - at} bytes`,
        actual: byteLength,
      });
    }
    const part = bytes.subarray(at, at + byteLength);
    at += alignUp(byteLength);
    return part;
  });
  return parts as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
}

function alignUp(position: number): number {
  return Math.ceil(position / PART_ALIGNMENT) * PART_ALIGNMENT;
}
