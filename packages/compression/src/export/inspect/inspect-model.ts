import { FileFormatError, QedgeError } from '@qedge/core';
import { bytesInMemory, type OpenShard } from '@qedge/memory';
import type { ExportFormat } from '../export-report.ts';
import { inspectContainer } from './inspect-container.ts';
import { inspectGguf } from './inspect-gguf.ts';
import { inspectOnnx } from './inspect-onnx.ts';
import { inspectSafetensors } from './inspect-safetensors.ts';
import { inspectTfjs } from './inspect-tfjs.ts';
import type { InspectedModel } from './inspected-model.ts';

/** Options of {@link inspectModel}. */
export interface InspectModelOptions {
  /** Files beside a `model.json`, by the names that it has for them. */
  readonly companions?: ReadonlyMap<string, Uint8Array>;
}

/**
 * Lists what a model file of any supported format holds: tensors with their layers, widths, zeros and bytes. The format is found by content.
 *
 * @param bytes the whole file; of TensorFlow.js the `model.json`. Borrowed.
 * @throws FileFormatError for a file that is none of them, damaged, or without its shards; UnsupportedError for a version that is not known.
 * @example
 * const { format, byteLength, sparsity, tensors } = inspectModel(bytes);
 */
export function inspectModel(bytes: Uint8Array, { companions }: InspectModelOptions = {}): InspectedModel {
  return inspectWith(bytes, (path) => {
    const shard = companions?.get(path);
    if (shard) return bytesInMemory(shard, path);
    throw new FileFormatError('The weights of a model.json are missing', {
      expected: 'its shards as companions',
      actual: path,
    });
  });
}

/** As {@link inspectModel} with shards from anywhere. */
export function inspectWith(bytes: Uint8Array, openShard: OpenShard): InspectedModel {
  const inspect = {
    qez: inspectContainer,
    safetensors: inspectSafetensors,
    onnx: inspectOnnx,
    tfjs: (json: Uint8Array) => inspectTfjs(json, openShard),
    gguf: inspectGguf,
  } as const satisfies Record<ExportFormat, (bytes: Uint8Array) => InspectedModel>;
  const format = findFormat(bytes);
  try {
    return inspect[format](bytes);
  } catch (cause) {
    if (cause instanceof QedgeError && cause.code !== 'INVALID_ARGUMENT') throw cause;
    throw new FileFormatError(`The file looks like ${format}, but cannot be read as that`, { cause });
  }
}

const CONTAINER_MAGIC = [0x89, 0x51, 0x45, 0x5a];
const GGUF_MAGIC = [0x47, 0x47, 0x55, 0x46];
const [OPENING_BRACE, OPENING_BRACKET] = [0x7b, 0x5b];
const LAST_WHITESPACE = 0x20;
/** Behind the length of a safetensors header. */
const SAFETENSORS_HEADER = 8;

function findFormat(bytes: Uint8Array): ExportFormat {
  const begins = (magic: readonly number[]) => magic.every((byte, at) => bytes[at] === byte);
  if (begins(CONTAINER_MAGIC)) return 'qez';
  if (begins(GGUF_MAGIC)) return 'gguf';
  // The upper bytes of a length, which no JSON and no ONNX file has there.
  if (bytes[6] === 0 && bytes[7] === 0 && bytes[SAFETENSORS_HEADER] === OPENING_BRACE) return 'safetensors';
  const first = bytes.find((byte) => byte > LAST_WHITESPACE);
  if (first === OPENING_BRACE || first === OPENING_BRACKET) return 'tfjs';
  return 'onnx';
}
