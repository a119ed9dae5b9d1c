import { FileFormatError } from '@qedge/core';
import { sectionKey } from '../prepared-weights.ts';

/** @returns an error for weights that a program names and its file lacks. */
export function missingWeights(name: string, key: string): FileFormatError {
  return new FileFormatError(`${name} lacks packed weights that its program needs`, {
    expected: sectionKey(key),
  });
}
