import { elementCount, FileFormatError, isPrecision } from '@qedge/core';
import { VALUE_ARRAYS } from '../operators/operator-definition.ts';
import { type Program, type ProgramValue, RELOCATION_BASE } from './program.ts';

/**
 * Checks that everything a program names lies within its memory, so that loading it fails in no other way.
 *
 * @throws FileFormatError, or another error for what is no program at all.
 */
export function checkProgram(program: Program): void {
  const { frontBytes, temporaryBytes, pieces, image, constants, weights, kernels, nodes } = program;
  requireThat(isSize(frontBytes) && isSize(temporaryBytes), 'its memory has an impossible size');
  requireThat(isPrecision(program.report.precision), 'its precision is not known');
  for (const value of [...program.inputs, ...program.outputs, ...constants]) checkValue(value, frontBytes);
  let imageBytes = 0;
  for (const { byteOffset, byteLength } of pieces) {
    requireThat(
      isSize(byteOffset) && isSize(byteLength) && byteOffset + byteLength <= frontBytes,
      'a piece of its image lies outside of its memory',
    );
    imageBytes += byteLength;
  }
  requireThat(imageBytes === image.byteLength, 'its image has another size');
  for (const { key, byteLength } of weights) {
    requireThat(typeof key === 'string' && isSize(byteLength), 'its weights have no key or size');
  }
  requireThat(kernels.starts.every(isSize), 'a kernel begins nowhere');
  requireThat(
    kernels.features.every((feature) => typeof feature === 'string'),
    'a feature has no name',
  );
  checkRelocations(program);
  const { threads } = program.report;
  requireThat(isSize(threads) && threads > 0, 'it has no threads');
  for (const { outputs, steps, report } of nodes) {
    requireThat(typeof report.name === 'string', 'a node has no name');
    for (const value of outputs) checkValue(value, frontBytes);
    requireThat(
      steps.every(({ length }) => length > 0 && length <= threads),
      'a step has more parts than there are threads',
    );
    for (const [kernel, block] of steps.flat()) {
      requireThat(
        isSize(kernel) &&
          kernel < kernels.starts.length &&
          isSize(block) &&
          block < frontBytes &&
          block % 8 === 0,
        'a step names a kernel or a block that is not there',
      );
    }
  }
}

function checkValue(value: ProgramValue, frontBytes: number): void {
  const { name, dtype, shape, byteOffset } = value;
  const known = typeof name === 'string' && Object.hasOwn(VALUE_ARRAYS, dtype) && shape.every(isSize);
  requireThat(known, 'a value is of no known kind');
  const bytes = VALUE_ARRAYS[dtype].BYTES_PER_ELEMENT;
  const end = byteOffset + elementCount(shape) * bytes;
  requireThat(
    isSize(byteOffset) && byteOffset % bytes === 0 && end <= frontBytes,
    'a value lies outside of its memory',
  );
}

function checkRelocations({ relocations, frontBytes, weights }: Program): void {
  const bases = RELOCATION_BASE.weights + weights.length;
  let fits = relocations.length % 2 === 0;
  for (let index = 0; fits && index < relocations.length; index += 2) {
    const at = relocations[index]!;
    fits = at % 8 === 0 && at + 8 <= frontBytes && relocations[index + 1]! < bases;
  }
  requireThat(fits, 'an address lies outside of its memory');
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 40;
}

function requireThat(condition: boolean, otherwise: string): void {
  if (!condition) throw new FileFormatError(otherwise);
}
