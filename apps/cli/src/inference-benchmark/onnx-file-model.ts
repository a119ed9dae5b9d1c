import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { elementCount, Random } from '@qedge/core';
import { onnxSource } from '@qedge/kernels';
import { importOnnx, readOnnx } from '@qedge/kernels/onnx';
import type { InstalledPackages } from '../kernel-benchmark/peers/packages.ts';
import type { BenchmarkModel } from './benchmark-model.ts';
import { encodeQuantizedOnnx } from './quantized-onnx.ts';

/** An ONNX file inside an npm package. */
export interface OnnxFileDescription {
  readonly package: string;
  /** From the package's folder. */
  readonly path: string;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly constants?: Readonly<Record<string, number>>;
}

/** Opens the file with images of lines that look like text, because networks that find text say next to nothing about noise. */
export async function openOnnxFile(
  packages: InstalledPackages,
  { package: name, path, shapes, constants = {} }: OnnxFileDescription,
  seed: number,
): Promise<BenchmarkModel> {
  const bytes = await readFile(join(packages.folder(name), path));
  const random = new Random(seed);
  const inputs = Object.fromEntries(
    Object.entries(shapes).map(([input, shape]) => [input, drawLines(shape, random)]),
  );
  return {
    source: () => onnxSource(readOnnx(bytes), { constants }),
    async onnx(precision) {
      if (precision === 'float32') return bytes;
      if (precision !== 'int8') return null;
      return encodeQuantizedOnnx(importOnnx(readOnnx(bytes), { inputShapes: shapes, constants }), inputs);
    },
    layers: async () => null,
    inputs,
    shapes,
    wideInputs: [],
    constants,
  };
}

/**
 * Images `[batch, channels, height, width]` in -1..1: dark strokes of random widths on rows of a bright page. All channels are equal.
 */
function drawLines(shape: readonly number[], random: Random): Float32Array {
  const [height, width] = shape.slice(-2) as [number, number];
  const page = new Float32Array(height * width).map(() => 0.9 + 0.05 * random.normal());
  for (let top = 8; top + 20 <= height; top += 40) {
    for (let x = 16; x < width - 16; x += 3 + random.integer(9)) {
      const [from, to] = [top + random.integer(8), top + 12 + random.integer(8)];
      for (let y = from; y < to; y++) page.fill(-0.9, y * width + x, y * width + x + 1 + random.integer(3));
    }
  }
  const image = new Float32Array(elementCount(shape));
  for (let at = 0; at < image.length; at += page.length) image.set(page, at);
  return image;
}
