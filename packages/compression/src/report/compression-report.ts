import type { PairedComparison } from './compare-paired.ts';

/** One layer that has weights, after compression. */
export interface LayerReport {
  readonly name: string;
  readonly className: string;
  /** Of all its weights, moving statistics included. */
  readonly parameters: number;
  /** Fraction of its kernel that is exactly 0; null without a kernel. */
  readonly sparsity: number | null;
  /** Bits per element of the kernel: of its codes, or 32; null without a kernel. */
  readonly bits: number | null;
  /** Bits of the codes of its input; null when it takes float32. */
  readonly inputBits: number | null;
  /** Multiply-accumulates for one sample, and those whose weight is not 0; null when the model's cannot be counted. */
  readonly macs: number | null;
  readonly nonzeroMacs: number | null;
  /** Bytes of its weights as float32. */
  readonly rawBytes: number;
  /** Bytes as packed codes, estimated as in `CompressionLedgerRow`. */
  readonly packedBytes: number;
  /** Of the kernel against the reference, in decibels; null as in `CompressionLedgerRow`. */
  readonly sqnrDb: number | null;
}

/** What a whole model holds and costs. */
export interface ModelTotals {
  readonly parameters: number;
  /** Fraction of all kernel elements that is exactly 0. */
  readonly sparsity: number;
  /** Null when they cannot be counted; `macsProblem` of the report then tells why. */
  readonly macs: number | null;
  readonly nonzeroMacs: number | null;
  readonly rawBytes: number;
  readonly packedBytes: number;
}

/** A file that holds a compressed model. */
export interface CompressedFile {
  /** As `qez`, `onnx`. */
  readonly format: string;
  /** All of the file, headers and scales included. */
  readonly bytes: number;
  /** What it takes in transport after gzip or brotli, where that was measured. */
  readonly gzipBytes?: number;
  readonly brotliBytes?: number;
}

/** A file in a report. */
export interface FileReport {
  readonly format: string;
  readonly bytes: number;
  readonly gzipBytes: number | null;
  readonly brotliBytes: number | null;
  /** The float32 weights of the original model over the bytes of the file. */
  readonly ratio: number;
}

/** How many test samples a model has right. */
export interface AccuracyReport {
  readonly correct: number;
  readonly count: number;
  readonly accuracy: number;
  /** Wilson's 95 % interval. */
  readonly low: number;
  readonly high: number;
}

/** Accuracies on one test set. */
export interface AccuracySection {
  readonly original: AccuracyReport;
  /** The original model after as much extra training as compression took; null when there was none. */
  readonly denseControl: AccuracyReport | null;
  readonly compressed: AccuracyReport;
  readonly againstOriginal: PairedComparison;
  /** The honest comparison: extra training alone makes a model better too. */
  readonly againstDenseControl: PairedComparison | null;
}

/** What compression did to a model. Plain, JSON-able data. */
export interface CompressionReport {
  readonly name: string;
  /** As it was given: plain data, or null. */
  readonly recipe: unknown;
  readonly seed: number | null;
  readonly seconds: number | null;
  readonly layers: readonly LayerReport[];
  readonly original: ModelTotals;
  readonly compressed: ModelTotals;
  /** Why multiply-accumulates could not be counted; null when they could. */
  readonly macsProblem: string | null;
  readonly files: readonly FileReport[];
  readonly accuracy: AccuracySection | null;
}
