/** Bytes per field of an argument block. */
export const ARGUMENT_BYTES = 8;

const TWO_TO_32 = 2 ** 32;

/** Writes an address or count, an integer from 0 to 2^53 - 1, to field `index` of the block at `byteOffset` of a view. */
export function setArgument(view: DataView, byteOffset: number, index: number, value: number): void {
  const at = byteOffset + index * ARGUMENT_BYTES;
  view.setUint32(at, value % TWO_TO_32, true);
  view.setUint32(at + 4, Math.floor(value / TWO_TO_32), true);
}

/** Writes a float32 to field `index` of the block at `byteOffset` of a view. */
export function setFloatArgument(view: DataView, byteOffset: number, index: number, value: number): void {
  const at = byteOffset + index * ARGUMENT_BYTES;
  view.setFloat32(at, value, true);
  view.setUint32(at + 4, 0, true);
}
