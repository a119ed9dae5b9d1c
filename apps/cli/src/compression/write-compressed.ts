import { basename, extname } from 'node:path';
import {
  exportContainer,
  exportGguf,
  exportOnnx,
  exportSafetensors,
  exportTfjs,
  type ModelExport,
} from '@qedge/compression/export';
import type { CompressedModel } from '@qedge/compression/tfjs';
import type { Tensorflow } from '@qedge/kernels/tfjs';
import { UsageError } from '../command.ts';

type Writer = (tf: Tensorflow, model: CompressedModel, path: string) => ModelExport | Promise<ModelExport>;

const WRITERS: Readonly<Record<string, Writer>> = {
  '.qez': (_, model) => exportContainer(model),
  '.safetensors': (_, model) => exportSafetensors(model),
  '.onnx': (_, model) => exportOnnx(model),
  '.gguf': (_, model) => exportGguf(model),
  // Not weights.bin: that may be the model's that is compressed.
  '.json': (tf, model, path) => exportTfjs(tf, model, { shard: `${basename(path, '.json')}.weights.bin` }),
};

/** What the ending of a file's name says about its format, for help texts. */
export const FORMAT_ENDINGS = '.qez, .safetensors, .onnx, .gguf, or .json for tfjs';

/** Refuses a name whose ending is no format, before any work. @throws UsageError */
export function requireKnownFormat(path: string): void {
  if (Object.hasOwn(WRITERS, extname(path))) return;
  throw new UsageError(`${path} has no ending that tells the format`, {
    expected: FORMAT_ENDINGS,
    actual: extname(path) || 'none',
  });
}

/** The bytes of a model in the format that the ending of `path` tells, read back and compared. */
export async function encodeAs(tf: Tensorflow, path: string, model: CompressedModel): Promise<ModelExport> {
  return WRITERS[extname(path)]!(tf, model, path);
}
