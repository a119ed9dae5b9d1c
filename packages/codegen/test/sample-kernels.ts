import { type KernelDescription, NO_EPILOGUE } from '../src/index.ts';
import { squareWindow } from './window-cases.ts';

const LAYOUT = { rowStride: 13, columnStride: 1, batchStride: 0 };
/** Small kernels of many kinds, with tails, loops, routines and every number format. */
export const SAMPLE_KERNELS = {
  product: {
    kind: 'gemm',
    batch: 1,
    rows: 5,
    columns: 13,
    depth: 7,
    a: { rowStride: 7, columnStride: 1, batchStride: 0 },
    b: { packed: false, ...LAYOUT },
    c: LAYOUT,
    alpha: 'argument',
    beta: 'argument',
    epilogue: { bias: true, activation: 'relu', softmax: false },
    blocking: { tileRows: 2, tileVectors: 2, depthBlock: 4, rowBlock: 4, packA: true, packB: true },
  },
  'integer product': {
    kind: 'integer-gemm',
    rows: 3,
    columns: 11,
    depth: 10,
    weights: 'int8',
    aRowStride: 12,
    cRowStride: 11,
    output: 'float32',
    rowScales: true,
    rowZeroPoints: true,
    epilogue: NO_EPILOGUE,
    blocking: { tileRows: 2, tileVectors: 1, rowBlock: 2 },
  },
  quantisation: {
    kind: 'quantize-rows',
    mode: 'row-asymmetric',
    depth: 21,
    sourceRowStride: 23,
    codeRowStride: 24,
  },
  pooling: {
    kind: 'pooling',
    operation: 'max',
    batch: 1,
    input: { height: 6, width: 7, channels: 11 },
    window: squareWindow(3, 1),
    outputRows: { from: 0, count: 6 },
    tileColumns: 2,
  },
  softmax: { kind: 'softmax', rows: 3, width: 21, inputStride: 22, outputStride: 23 },
  'float16 to float32': { kind: 'conversion', from: 'float16', to: 'float32', length: 205 },
  'float32 to float16': { kind: 'conversion', from: 'float32', to: 'float16', length: 205 },
} as const satisfies Readonly<Record<string, KernelDescription>>;
