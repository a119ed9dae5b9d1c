import { elementCount, FileFormatError, UnsupportedError } from '@qedge/core';
import { ELEMENT_TYPE_TRAITS, elementTypeOf, type OnnxElementType } from './element-type.ts';
import type { OnnxNumberPieces, OnnxTensor, ReadExternalData } from './onnx-model.ts';
import { readPackedIntegers } from './protobuf-reader.ts';

/**
 * Numbers of an ONNX tensor: float32 for the narrow floats, float64 for float64 and for integers of 32 bits without sign and of 64 bits (beyond 2^53 the
 * nearest), int32 for other wide integers, bytes for the rest.
 */
export type DecodedNumbers = Float32Array | Float64Array | Int32Array | Int8Array | Uint8Array;

/**
 * The type of a tensor, after checking that the file holds as many numbers as its shape says, as far as that costs nothing.
 *
 * @throws UnsupportedError for types that are not read, FileFormatError for a wrong amount of data.
 */
export function checkTensor(tensor: OnnxTensor): OnnxElementType {
  const type = elementTypeOf(tensor.typeCode);
  if (type === null || ELEMENT_TYPE_TRAITS[type].runtime === null) {
    throw new UnsupportedError(`Tensor ${tensor.name} has elements that are not read`, {
      expected: 'floats of 16 to 64 bits, integers of 4 to 64 bits, or truth values',
      actual: type ?? `type ${tensor.typeCode}`,
    });
  }
  const expected = rawByteLength(type, elementCount(tensor.shape));
  const actual = tensor.external ? (tensor.external.byteLength ?? expected) : tensor.raw?.byteLength;
  if (actual !== undefined && actual !== expected)
    wrongLength(tensor, `${expected} bytes`, `${actual} bytes`);
  return type;
}

function rawByteLength(type: OnnxElementType, count: number): number {
  return Math.ceil((count * ELEMENT_TYPE_TRAITS[type].bits) / 8);
}

function wrongLength(tensor: OnnxTensor, expected: string, actual: string): never {
  throw new FileFormatError(`Tensor ${tensor.name} has a wrong length`, {
    expected: `${expected} for [${tensor.shape.join(', ')}]`,
    actual,
  });
}

/**
 * The numbers of a tensor: a view of the file where it can be one (do not write to it), else decoded.
 *
 * @throws FileFormatError for a wrong amount of data, UnsupportedError for types that are not read and for external data without
 *   a way to read them.
 */
export function decodeTensor(tensor: OnnxTensor, externalData: ReadExternalData | null): DecodedNumbers {
  const type = checkTensor(tensor);
  const count = elementCount(tensor.shape);
  const raw = tensor.external === null ? tensor.raw : readExternal(tensor, type, count, externalData);
  const numbers = raw === null ? decodeFields(tensor, type, count) : decodeRaw(raw, type, count);
  if (numbers.length !== count) wrongLength(tensor, `${count} numbers`, `${numbers.length}`);
  return numbers;
}

function readExternal(
  tensor: OnnxTensor,
  type: OnnxElementType,
  count: number,
  externalData: ReadExternalData | null,
): Uint8Array {
  const { location, offset } = tensor.external!;
  if (externalData === null) {
    throw new UnsupportedError(`Tensor ${tensor.name} lies in another file`, {
      expected: 'a way to read it',
      actual: location,
      remedy: 'Give readOnnx the option externalData.',
    });
  }
  const byteLength = rawByteLength(type, count);
  const bytes = externalData(location, offset, byteLength);
  if (bytes.byteLength !== byteLength)
    wrongLength(tensor, `${byteLength} bytes of ${location}`, `${bytes.byteLength} bytes`);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, byteLength);
}

function decodeRaw(raw: Uint8Array, type: OnnxElementType, count: number): DecodedNumbers {
  const { buffer, byteOffset } = raw;
  const view = new DataView(buffer, byteOffset, raw.byteLength);
  switch (type) {
    case 'float32':
      return byteOffset % 4 === 0
        ? new Float32Array(buffer, byteOffset, count)
        : new Float32Array(new Uint8Array(raw).buffer);
    case 'int32':
      return byteOffset % 4 === 0
        ? new Int32Array(buffer, byteOffset, count)
        : new Int32Array(new Uint8Array(raw).buffer);
    case 'float64':
      return Float64Array.from({ length: count }, (_, i) => view.getFloat64(8 * i, true));
    case 'float16':
      return Float32Array.from({ length: count }, (_, i) => float16ToNumber(view.getUint16(2 * i, true)));
    case 'bfloat16':
      return bfloat16ToNumbers(Uint16Array.from({ length: count }, (_, i) => view.getUint16(2 * i, true)));
    case 'uint16':
      return Int32Array.from({ length: count }, (_, i) => view.getUint16(2 * i, true));
    case 'int16':
      return Int32Array.from({ length: count }, (_, i) => view.getInt16(2 * i, true));
    case 'uint32':
      return Float64Array.from({ length: count }, (_, i) => view.getUint32(4 * i, true));
    case 'int64':
      return Float64Array.from({ length: count }, (_, i) => wide(view, i, view.getInt32(8 * i + 4, true)));
    case 'uint64':
      return Float64Array.from({ length: count }, (_, i) => wide(view, i, view.getUint32(8 * i + 4, true)));
    case 'int8':
      return new Int8Array(buffer, byteOffset, count);
    case 'bool':
      return raw.map((byte) => (byte === 0 ? 0 : 1));
    case 'uint4':
      return Uint8Array.from({ length: count }, (_, i) => (raw[i >> 1]! >> (4 * (i & 1))) & 15);
    case 'int4':
      return Int8Array.from({ length: count }, (_, i) => (raw[i >> 1]! << (28 - 4 * (i & 1))) >> 28);
    default:
      return raw;
  }
}

function wide(view: DataView, index: number, high: number): number {
  return high * 0x1_0000_0000 + view.getUint32(8 * index, true);
}

/** Typed fields: which one holds which type is fixed by onnx.proto. */
function decodeFields(tensor: OnnxTensor, type: OnnxElementType, count: number): DecodedNumbers {
  switch (type) {
    case 'float32':
      return Float32Array.from(floats(tensor.float32Data, 4));
    case 'float64':
      return Float64Array.from(floats(tensor.float64Data, 8));
    case 'int64':
      return Float64Array.from(integers(tensor.int64Data));
    case 'uint32':
    case 'uint64':
      return Float64Array.from(integers(tensor.uint64Data), (each) => (each < 0 ? each + 2 ** 64 : each));
    default:
      return decodeNarrow(integers(tensor.int32Data), type, count);
  }
}

/** Types that share the field `int32_data`; half floats lie there as bits, 4-bit integers two in an element. */
function decodeNarrow(codes: readonly number[], type: OnnxElementType, count: number): DecodedNumbers {
  switch (type) {
    case 'float16':
      return Float32Array.from(codes, float16ToNumber);
    case 'bfloat16':
      return bfloat16ToNumbers(Uint16Array.from(codes));
    case 'uint8':
      return Uint8Array.from(codes);
    case 'int8':
      return Int8Array.from(codes);
    case 'bool':
      return Uint8Array.from(codes, (each) => (each === 0 ? 0 : 1));
    case 'uint4':
    case 'int4':
      return codes.length === Math.ceil(count / 2)
        ? decodeRaw(Uint8Array.from(codes), type, count)
        : new Uint8Array(0);
    default:
      return Int32Array.from(codes);
  }
}

function integers(pieces: OnnxNumberPieces): readonly number[] {
  const [first] = pieces;
  if (pieces.length === 1 && !(first instanceof Uint8Array)) return first!;
  const numbers: number[] = [];
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) readPackedIntegers(piece, numbers);
    else for (const each of piece) numbers.push(each);
  }
  return numbers;
}

function floats(pieces: OnnxNumberPieces, size: 4 | 8): readonly number[] {
  const numbers: number[] = [];
  for (const piece of pieces) {
    if (!(piece instanceof Uint8Array)) {
      for (const each of piece) numbers.push(each);
      continue;
    }
    if (piece.byteLength % size !== 0) {
      throw new FileFormatError('Packed floats have a wrong length', {
        expected: `a multiple of ${size} bytes`,
        actual: piece.byteLength,
      });
    }
    const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
    for (let at = 0; at < piece.byteLength; at += size)
      numbers.push(size === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true));
  }
  return numbers;
}

function bfloat16ToNumbers(codes: Uint16Array): Float32Array {
  const bits = Uint32Array.from(codes, (code) => code * 0x1_0000);
  return new Float32Array(bits.buffer);
}

/** IEEE 754 binary16. */
function float16ToNumber(code: number): number {
  const sign = code & 0x8000 ? -1 : 1;
  const exponent = (code >> 10) & 31;
  const fraction = code & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
