import { NO_EPILOGUE } from '../../description/epilogue.ts';
import type { GemvDescription } from '../../description/gemv.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { referenceStrictDot } from '../../reference/gemm.ts';
import type { TargetTraits } from '../../target/target.ts';
import { validateProduct } from '../gemm/gemm-family.ts';
import { productTrial } from '../gemm/product-trial.ts';
import type { KernelFamily } from '../kernel-family.ts';
import { emitGemv } from './gemv-kernel.ts';

/** Operands as those of a general product. */
function layouts({ a, b }: GemvDescription) {
  return {
    a: { rowStride: a.rowStride, columnStride: 1, batchStride: a.batchStride },
    b: { packed: false as const, rowStride: 1, columnStride: b.columnStride, batchStride: b.batchStride },
  };
}

function gemvKey({ batch, rows, columns, depth, a, b, c, alpha, beta, epilogue, blocking }: GemvDescription) {
  return [
    `gemv-${batch}x${rows}x${columns}x${depth}`,
    `a${a.rowStride}_${a.batchStride}-b${b.columnStride}_${b.batchStride}`,
    `c${c.rowStride}_${c.columnStride}_${c.batchStride}`,
    `alpha_${alpha}-beta_${beta}`,
    `${epilogue.bias ? 'bias_' : ''}${epilogue.activation}`,
    `${blocking.tileRows}x${blocking.tileColumns}`,
  ].join('-');
}

/** {@link GemvDescription}. */
export const GEMV: KernelFamily<GemvDescription> = {
  kind: 'gemv',
  validate(description) {
    const { blocking, epilogue } = description;
    validateProduct({ ...description, ...layouts(description), epilogue: { ...NO_EPILOGUE, ...epilogue } });
    requireInteger('tileRows of a product', blocking.tileRows, 1);
    requireInteger('tileColumns of a product', blocking.tileColumns, 1);
  },
  key: gemvKey,
  emit: emitGemv,
  trial(description, traits: TargetTraits, effort, seed) {
    const trial = {
      ...description,
      ...layouts(description),
      epilogue: { ...NO_EPILOGUE, ...description.epilogue },
      biasAxis: 'row' as const,
      scratchBytes: 0,
      roundings: description.depth / 16 + 5,
      exactElement: traits.fmaRounding === 'twice' ? referenceStrictDot : null,
    };
    return productTrial(trial, effort, seed);
  },
};
