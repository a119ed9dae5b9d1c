import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { elementCount, Random } from '@qedge/core';
import { onnxSource } from '@qedge/kernels';
import { readOnnx } from '@qedge/kernels/onnx';
import type { InstalledPackages } from '../kernel-benchmark/peers/packages.ts';
import type { BenchmarkModel } from './benchmark-model.ts';

/** An ONNX file inside an npm package. */
export interface OnnxFileDescription {
  readonly package: string;
  /** From the package's folder. */
  readonly path: string;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly constants?: Readonly<Record<string, number>>;
}

/** Opens the file with random inputs: normal numbers, as pixels and samples are after standardisation. */
export async function openOnnxFile(
  packages: InstalledPackages,
  { package: name, path, shapes, constants = {} }: OnnxFileDescription,
  seed: number,
): Promise<BenchmarkModel> {
  const bytes = await readFile(join(packages.folder(name), path));
  const random = new Random(seed);
  const inputs = Object.fromEntries(
    Object.entries(shapes).map(([input, shape]) => [
      input,
      new Float32Array(elementCount(shape)).map(() => random.normal()),
    ]),
  );
  return {
    source: () => onnxSource(readOnnx(bytes), { constants }),
    onnx: async (precision) => (precision === 'float32' ? bytes : null),
    layers: async () => null,
    inputs,
    shapes,
    wideInputs: [],
    constants,
  };
}
