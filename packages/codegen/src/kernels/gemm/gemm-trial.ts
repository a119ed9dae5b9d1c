import type { GemmDescription } from '../../description/gemm.ts';
import { referenceStrictElement } from '../../reference/gemm.ts';
import type { TargetTraits } from '../../target/target.ts';
import type { KernelTrial } from '../kernel-family.ts';
import { gemmScratchBytes } from './gemm-panels.ts';
import { productTrial } from './product-trial.ts';

/** A run of a gemm kernel on random operands. Exact bits are expected where multiply-adds round twice. */
export function gemmTrial(
  description: GemmDescription,
  traits: TargetTraits,
  effort: 'all' | 'sample',
  seed: number,
): KernelTrial {
  const { depth, columns, b } = description;
  const trial = {
    ...description,
    b: b.packed
      ? {
          packed: true as const,
          shape: { depth, columns, panelColumns: b.panelColumns, format: b.format },
          batchBytes: b.batchBytes,
        }
      : b,
    biasAxis: 'column' as const,
    scratchBytes: gemmScratchBytes(description, traits),
    roundings: depth,
    exactElement: traits.fmaRounding === 'twice' ? referenceStrictElement : null,
  };
  return productTrial(trial, effort, seed);
}
