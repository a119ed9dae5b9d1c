import type { DType, QuantizationParameters, Shape, StoredTensor, TensorData } from '@qedge/core';

/** The ways in which a tensor's numbers can be written. @see FORMAT.md */
export type EncodingName = 'raw' | 'packed-codes' | 'sparse-codes' | 'arithmetic' | 'rans';

/** What a decoder must know besides the payload. */
export interface PayloadDescription {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly elementCount: number;
  readonly quantization: QuantizationParameters | null;
}

/** One way of writing a tensor's numbers. A new encoding is one file that exports one of these and one line in `encodings.ts`. */
export interface PayloadEncoding {
  readonly name: EncodingName;
  /** Bytes that {@link encode} would write, or null when the encoding is not meant for this tensor. */
  measure(tensor: StoredTensor): number | null;
  /** The payload, valid as long as the tensor is and not to be written to. */
  encode(tensor: StoredTensor): Uint8Array;
  /** True when `byteLength` can be right for the description; called before any byte is read. */
  accepts(byteLength: number, description: PayloadDescription): boolean;
  /**
   * The numbers of a payload whose checksum and length are right.
   *
   * @param payload borrowed; kept by the result only when `mayView` is true.
   * @throws FileFormatError when the bytes contradict the description.
   */
  decode(payload: Uint8Array, description: PayloadDescription, mayView: boolean): TensorData;
}
