import { type DType, FileFormatError, type TensorData } from '@qedge/core';
import { dataConstructor } from '../model-file/raw-encoding.ts';
import { type SmallFloatName, smallFloatValues } from './small-floats.ts';

/** How one dtype of the format is stored and what it is loaded as. */
export interface SafetensorsDType {
  readonly bits: number;
  /** What tensors of it become; null: this version only knows their size. */
  readonly loadedAs: DType | null;
  /** Turns bytes into numbers of `loadedAs`; null when the bytes are these numbers already. */
  readonly convert: ((bytes: Uint8Array, tensor: string) => TensorData) | null;
}

/**
 * Every dtype of safetensors 0.7. Those that the package has no dtype for become the narrowest that holds them: truth values, 16-bit unsigned
 * and wider integers int32 (refused when a number does not fit), 8-bit floats float32, exactly. Floats of 4 and 6 bits and
 * complex numbers cannot be loaded.
 */
export const SAFETENSORS_DTYPES: ReadonlyMap<string, SafetensorsDType> = new Map([
  ['F64', stored(64, 'float64')],
  ['F32', stored(32, 'float32')],
  ['F16', stored(16, 'float16')],
  ['BF16', stored(16, 'bfloat16')],
  ['I32', stored(32, 'int32')],
  ['I16', stored(16, 'int16')],
  ['I8', stored(8, 'int8')],
  ['U8', stored(8, 'uint8')],
  ['BOOL', converted(8, 'int32', (bytes) => Int32Array.from(bytes, (byte) => (byte === 0 ? 0 : 1)))],
  ['U16', converted(16, 'int32', (bytes) => Int32Array.from(new Uint16Array(aligned(bytes))))],
  ['U32', converted(32, 'int32', narrowUnsigned)],
  ['I64', converted(64, 'int32', (bytes, tensor) => narrowLong(bytes, tensor, true))],
  ['U64', converted(64, 'int32', (bytes, tensor) => narrowLong(bytes, tensor, false))],
  ['F8_E5M2', smallFloat('F8_E5M2')],
  ['F8_E4M3', smallFloat('F8_E4M3')],
  ['F8_E8M0', smallFloat('F8_E8M0')],
  ['F8_E5M2FNUZ', smallFloat('F8_E5M2FNUZ')],
  ['F8_E4M3FNUZ', smallFloat('F8_E4M3FNUZ')],
  ['F4', sizeOnly(4)],
  ['F6_E2M3', sizeOnly(6)],
  ['F6_E3M2', sizeOnly(6)],
  ['C64', sizeOnly(64)],
]);

/** What the writer calls the package's dtypes. Those of 4 bits have no name: `F4` is a float. */
export const SAFETENSORS_NAMES: ReadonlyMap<DType, string> = new Map(
  Array.from(SAFETENSORS_DTYPES)
    .filter(([, { convert, loadedAs }]) => convert === null && loadedAs !== null)
    .map(([name, { loadedAs }]) => [loadedAs!, name]),
);

/**
 * The numbers in `bytes`.
 *
 * @param mayView whether they may be a view of `bytes`, where these are aligned.
 * @throws FileFormatError for an integer that int32 does not hold.
 */
export function decodeElements(
  { loadedAs, convert }: SafetensorsDType & { readonly loadedAs: DType },
  bytes: Uint8Array,
  tensor: string,
  mayView: boolean,
): TensorData {
  if (convert) return convert(bytes, tensor);
  const Data = dataConstructor(loadedAs);
  const isAligned = bytes.byteOffset % Data.BYTES_PER_ELEMENT === 0;
  // Not `slice`: that of a Node Buffer is a view.
  const source = mayView && isAligned ? bytes : new Uint8Array(bytes);
  return new Data(source.buffer, source.byteOffset, source.byteLength / Data.BYTES_PER_ELEMENT);
}

function stored(bits: number, loadedAs: DType): SafetensorsDType {
  return { bits, loadedAs, convert: null };
}

function converted(
  bits: number,
  loadedAs: DType,
  convert: (bytes: Uint8Array, tensor: string) => TensorData,
): SafetensorsDType {
  return { bits, loadedAs, convert };
}

function sizeOnly(bits: number): SafetensorsDType {
  return { bits, loadedAs: null, convert: null };
}

function smallFloat(name: SmallFloatName): SafetensorsDType {
  return converted(8, 'float32', (bytes) => {
    const values = smallFloatValues(name);
    return Float32Array.from(bytes, (code) => values[code]!);
  });
}

/** A copy of the bytes at an address that every number may have. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function narrowUnsigned(bytes: Uint8Array, tensor: string): Int32Array {
  const codes = new Uint32Array(aligned(bytes));
  const beyond = codes.findIndex((code) => code > 0x7fffffff);
  if (beyond >= 0) throw tooWide(tensor, beyond, String(codes[beyond]));
  return new Int32Array(codes.buffer);
}

/** Low and high words by themselves: numbers of 64 bits would each be a BigInt. */
function narrowLong(bytes: Uint8Array, tensor: string, signed: boolean): Int32Array {
  const words = new Int32Array(aligned(bytes));
  const narrow = new Int32Array(words.length / 2);
  for (let i = 0; i < narrow.length; i++) {
    const low = words[2 * i]!;
    // The high word only continues the sign of the low one.
    if (words[2 * i + 1] !== low >> 31 || (!signed && low < 0)) {
      const wide = (signed ? new BigInt64Array(words.buffer) : new BigUint64Array(words.buffer))[i];
      throw tooWide(tensor, i, String(wide));
    }
    narrow[i] = low;
  }
  return narrow;
}

function tooWide(tensor: string, index: number, actual: string): FileFormatError {
  return new FileFormatError(`Tensor "${tensor}" has an integer at index ${index} that int32 does not hold`, {
    expected: 'integers within 32 bits, signed',
    actual,
    facts: { tensor, index },
  });
}
