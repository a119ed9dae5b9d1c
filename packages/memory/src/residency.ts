import type { EncodingName } from './model-file/payload-encoding.ts';

/** Whether a tensor is in memory, and what it costs there and in the file. */
export interface TensorResidency {
  readonly name: string;
  readonly encoding: EncodingName;
  /** Bytes of its payload in the file. */
  readonly fileBytes: number;
  readonly loaded: boolean;
  /** Bytes of memory that the model holds for it besides the file's own bytes: 0 before loading and for views. */
  readonly residentBytes: number;
  /** Bytes of the file's pages that hold it and are in physical memory; null where the system does not tell. */
  readonly cachedBytes: number | null;
}

/** Where a section lies in its file. */
export interface SectionRange {
  /** From the start of the file: a multiple of 65 536 when it is as long, otherwise of 64. */
  readonly byteOffset: number;
  readonly byteLength: number;
}
