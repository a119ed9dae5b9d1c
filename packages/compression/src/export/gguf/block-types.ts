import { halfFloatToNumber } from '@qedge/core';

/** Numbers in a block of the quantised types. */
export const BLOCK_LENGTH = 32;

/** A type of tensors: so many numbers take so many bytes. */
export interface BlockType {
  readonly name: string;
  /** Its number in the file (`ggml_type`). */
  readonly code: number;
  readonly blockLength: number;
  readonly blockBytes: number;
}

const type = (name: string, code: number, blockLength: number, blockBytes: number): BlockType => {
  return { name, code, blockLength, blockBytes };
};

/** What is written here: plain floats, and blocks of 32 codes behind a half float that scales them. */
export const F32 = type('F32', 0, 1, 4);
export const F16 = type('F16', 1, 1, 2);
export const Q4_0 = type('Q4_0', 2, BLOCK_LENGTH, 18);
export const Q8_0 = type('Q8_0', 8, BLOCK_LENGTH, 34);

/** Types whose sizes are known, so that files of others can be listed (`ggml.h` of llama.cpp). */
export const BLOCK_TYPES: readonly BlockType[] = [
  ...[F32, F16, Q4_0, Q8_0],
  ...[type('Q4_1', 3, 32, 20), type('Q5_0', 6, 32, 22), type('Q5_1', 7, 32, 24), type('Q8_1', 9, 32, 36)],
  ...[type('Q2_K', 10, 256, 84), type('Q3_K', 11, 256, 110), type('Q4_K', 12, 256, 144)],
  ...[type('Q5_K', 13, 256, 176), type('Q6_K', 14, 256, 210), type('Q8_K', 15, 256, 292)],
  ...[type('I8', 24, 1, 1), type('I16', 25, 1, 2), type('I32', 26, 1, 4), type('I64', 27, 1, 8)],
  ...[type('F64', 28, 1, 8), type('BF16', 30, 1, 2)],
];

/** Codes in the order of the numbers, and the scale of each block. */
export interface DecodedBlocks {
  readonly codes: Int8Array;
  readonly scales: Float32Array;
}

/** The codes around 0 of blocks of type `Q4_0` or `Q8_0`. */
export function decodeBlocks({ code, blockBytes }: BlockType, bytes: Uint8Array): DecodedBlocks {
  const blocks = bytes.length / blockBytes;
  const codes = new Int8Array(blocks * BLOCK_LENGTH);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block++) {
    const at = block * blockBytes;
    scales[block] = halfFloatToNumber(bytes[at]! | (bytes[at + 1]! << 8));
    for (let i = 0; i < BLOCK_LENGTH; i++) {
      codes[block * BLOCK_LENGTH + i] =
        code === Q8_0.code ? bytes[at + 2 + i]! : ((bytes[at + 2 + (i % 16)]! >> (i < 16 ? 0 : 4)) & 15) - 8;
    }
  }
  return { codes, scales };
}

/** Blocks of the given type; codes that fit it, `BLOCK_LENGTH` for each scale. @param halfScales the bits of half floats. */
export function encodeBlocks(
  { code, blockBytes }: BlockType,
  codes: Int8Array,
  halfScales: Uint16Array,
): Uint8Array {
  const bytes = new Uint8Array(halfScales.length * blockBytes);
  for (const [block, scale] of halfScales.entries()) {
    const at = block * blockBytes;
    bytes.set([scale & 255, scale >> 8], at);
    for (let i = 0; i < BLOCK_LENGTH; i++) {
      const value = codes[block * BLOCK_LENGTH + i]!;
      if (code === Q8_0.code) bytes[at + 2 + i] = value;
      // The first half of a block stands in the low halves of the bytes, the second one in the high halves.
      else bytes[at + 2 + (i % 16)]! |= (value + 8) << (i < 16 ? 0 : 4);
    }
  }
  return bytes;
}
