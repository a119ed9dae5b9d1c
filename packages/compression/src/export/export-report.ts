/** The formats that compressed models are written in. */
export type ExportFormat = 'qez' | 'safetensors' | 'onnx' | 'tfjs' | 'gguf';

/** A kernel that a format cannot hold as it is. */
export interface ChangedWeight {
  readonly name: string;
  /** What the file holds instead, and why. */
  readonly reason: string;
  /** The largest difference between a weight of the model and the number that a reader of the file gets. */
  readonly largestError: number;
  /** Power of the weights over that of the differences, in decibels; `Infinity` without differences. */
  readonly signalToNoiseDecibels: number;
}

/** What running the reloaded file and the model on the same seeded input gave. */
export interface OutputComparison {
  readonly outputs: number;
  readonly largestDifference: number;
  /** The largest magnitude of the model's outputs. */
  readonly largestOutput: number;
}

/** What was read back and compared. Only what is counted here was equal bit for bit. */
export interface ExportComparison {
  /** Codes that were equal. */
  readonly codes: number;
  /** Numbers of float weights, scales and biases with the same bits. */
  readonly numbers: number;
  /** Weights that the file holds otherwise; their differences are measured, and they count in neither number. */
  readonly changed: readonly ChangedWeight[];
  /** Null for a format of weights alone. */
  readonly outputs: OutputComparison | null;
}

/** What a writer says of what it wrote. */
export interface ExportReport {
  readonly format: ExportFormat;
  /** All files together. */
  readonly byteLength: number;
  readonly compared: ExportComparison;
}

/** A model in one of the formats, reloaded and compared. The bytes are the caller's. */
export interface ModelExport {
  /** The file itself; of TensorFlow.js the `model.json`. */
  readonly bytes: Uint8Array;
  /** Files that must lie beside it, by name. */
  readonly companions: ReadonlyMap<string, Uint8Array>;
  readonly report: ExportReport;
}
