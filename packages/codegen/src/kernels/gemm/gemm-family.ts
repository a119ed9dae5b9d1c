import { InvalidArgumentError } from '@qedge/core';
import { epilogueKey, requireEpilogue } from '../../description/epilogue.ts';
import type { GemmDescription, MatrixLayout } from '../../description/gemm.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { requireKnown } from '../../description/require-known.ts';
import type { KernelFamily } from '../kernel-family.ts';
import { emitGemm } from './gemm-kernel.ts';
import { gemmTrial } from './gemm-trial.ts';

/** Offsets in code are 32-bit; a matrix of one product must be reachable with them. */
const MOST_SPAN_BYTES = 2 ** 31 - 2 ** 16;
const WORD_BYTES = 4;

function validateLayout(name: string, layout: MatrixLayout, rows: number, columns: number): void {
  requireInteger(`row stride of ${name}`, layout.rowStride, 0);
  requireInteger(`column stride of ${name}`, layout.columnStride, 0);
  requireInteger(`batch stride of ${name}`, layout.batchStride, 0);
  const last = (rows - 1) * layout.rowStride + (columns - 1) * layout.columnStride;
  const largest = Math.max(last, layout.batchStride, rows * layout.rowStride, columns * layout.columnStride);
  if (largest * WORD_BYTES <= MOST_SPAN_BYTES) return;
  throw new InvalidArgumentError(`One ${name} of a product spans too many bytes`, {
    expected: `at most ${MOST_SPAN_BYTES}`,
    actual: largest * WORD_BYTES,
    remedy: 'Compute the product in parts.',
  });
}

/** Two results at one place would depend on the order of stores. */
function validateResult({ batch, rows, columns, c }: Omit<GemmDescription, 'kind' | 'blocking'>): void {
  const axes = [
    { count: columns, stride: c.columnStride },
    { count: rows, stride: c.rowStride },
    { count: batch, stride: c.batchStride },
  ];
  // From the smallest stride up, each must step over everything that the smaller ones span.
  let span = 1;
  let distinct = true;
  for (const { count, stride } of axes.filter((axis) => axis.count > 1).sort((x, y) => x.stride - y.stride)) {
    distinct &&= stride >= span;
    span += stride * (count - 1);
  }
  if (distinct) return;
  throw new InvalidArgumentError('Elements of the result of a product lie at the same place', {
    expected: 'strides that keep rows, columns and products apart',
    actual: `[${batch}, ${rows}, ${columns}] with strides ${c.batchStride}, ${c.rowStride}, ${c.columnStride}`,
  });
}

/** What products of any kind have in common. @throws InvalidArgumentError. */
export function validateProduct(description: Omit<GemmDescription, 'kind' | 'blocking'>): void {
  const { batch, rows, columns, depth, a, b, c, alpha, beta, epilogue } = description;
  requireInteger('batch of a product', batch, 1);
  requireInteger('rows of a product', rows, 1);
  requireInteger('columns of a product', columns, 1);
  requireInteger('depth of a product', depth, 1);
  validateLayout('A', a, rows, depth);
  if (b.packed) {
    requireKnown('format of B', b.format, ['float32', 'float16', 'bfloat16']);
    requireInteger('panelColumns of B', b.panelColumns, 1);
    requireInteger('bytes from one packed B to the next', b.batchBytes, 0);
    validateLayout('packed B', { rowStride: columns, columnStride: 1, batchStride: 0 }, depth, columns);
  } else validateLayout('B', b, depth, columns);
  validateLayout('C', c, rows, columns);
  validateResult(description);
  requireKnown('alpha of a product', alpha, ['one', 'argument']);
  requireKnown('beta of a product', beta, ['zero', 'one', 'argument']);
  requireEpilogue(epilogue);
}

function validateGemm(description: GemmDescription): void {
  validateProduct(description);
  const { blocking } = description;
  for (const name of ['tileRows', 'tileVectors', 'depthBlock', 'rowBlock'] as const) {
    requireInteger(`${name} of a product`, blocking[name], 1);
  }
  for (const name of ['packA', 'packB'] as const) {
    requireKnown(`${name} of a product`, blocking[name], [true, false]);
  }
}

function layoutKey({ rowStride, columnStride, batchStride }: MatrixLayout): string {
  return `${rowStride}_${columnStride}_${batchStride}`;
}

function gemmKey(description: GemmDescription): string {
  const { batch, rows, columns, depth, a, b, c, alpha, beta, epilogue, blocking } = description;
  const { tileRows, tileVectors, depthBlock, rowBlock, packA, packB } = blocking;
  return [
    `gemm-${batch}x${rows}x${columns}x${depth}`,
    `a${layoutKey(a)}`,
    b.packed ? `b${b.format}_${b.panelColumns}_${b.batchBytes}` : `b${layoutKey(b)}`,
    `c${layoutKey(c)}`,
    `alpha_${alpha}-beta_${beta}`,
    epilogueKey(epilogue),
    `${tileRows}x${tileVectors}_${depthBlock}_${rowBlock}${packA ? '_a' : ''}${packB ? '_b' : ''}`,
  ].join('-');
}

/** {@link GemmDescription}. */
export const GEMM: KernelFamily<GemmDescription> = {
  kind: 'gemm',
  validate: validateGemm,
  key: gemmKey,
  emit: emitGemm,
  trial: gemmTrial,
};
