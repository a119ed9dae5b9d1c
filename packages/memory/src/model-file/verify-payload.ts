import { FileFormatError, type TensorData } from '@qedge/core';
import { codeRange, findCodeOutOfRange } from './code-range.ts';
import type { LocatedBytes, LocatedTensor } from './header.ts';
import { hexadecimal } from './prefix.ts';

/** @throws FileFormatError when bytes do not have the checksum that the header states for them. */
export function assertChecksum(file: string, what: string, { crc32 }: LocatedBytes, actual: number): void {
  if (crc32 === null || actual === crc32) return;
  throw new FileFormatError(`${file}: ${what} is damaged`, {
    expected: `CRC-32 ${hexadecimal(crc32)}`,
    actual: hexadecimal(actual),
    remedy: 'Copy or download the file again',
  });
}

/**
 * `b` bits can hold one code more than a symmetric range has; kernels rely on its absence.
 *
 * @throws FileFormatError naming the tensor.
 */
export function assertCodes(file: string, { name, quantization }: LocatedTensor, data: TensorData): void {
  if (!quantization || !(data instanceof Int8Array || data instanceof Uint8Array)) return;
  const range = codeRange(quantization, data instanceof Int8Array);
  const outside = findCodeOutOfRange(data, range);
  if (outside < 0) return;
  throw new FileFormatError(`${file}: tensor "${name}" has a code out of range at index ${outside}`, {
    expected: `${range.lowest}..${range.highest}`,
    actual: data[outside]!,
  });
}
