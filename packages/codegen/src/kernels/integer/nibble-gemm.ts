import { NIBBLE_GEMM_ARGUMENTS, type NibbleGemmDescription } from '../../description/nibble-gemm.ts';
import { GROUP_PARAMETER_BYTES } from '../../description/quantize-rows.ts';
import type { Target, Vector } from '../../target/target.ts';
import { emitClamp } from '../activation/emit-activation.ts';
import { activationPassVectors } from '../activation/emit-stored-activation.ts';
import { cutRows } from '../gemm/gemm-plan.ts';
import { emitActivationPass } from './activation-pass.ts';
import { encodedGroupCodeBytes } from './code-form.ts';
import { emitStores } from './integer-result.ts';
import { nibbleTileRegisters } from './nibble-blocking.ts';
import { type NibblePanel, nibblePanelLayout } from './nibble-panels.ts';
import { claimNibbleTile, emitNibbleSums, type NibbleTileVectors } from './nibble-tile.ts';
import { emitProductLoops, type ProductPositions } from './product-loops.ts';

/** Emits a whole product with nibble weights. @throws RegisterBudgetError when the tile does not fit. */
export function emitNibbleGemm(target: Target<unknown>, description: NibbleGemmDescription): void {
  const { rows, columns, aRowStride, cRowStride, blocking, epilogue } = description;
  const blocks = cutRows(rows, blocking.tileRows, rows);
  const layout = nibblePanelLayout(description, target.traits);
  const tile = {
    tileRows: Math.max(...blocks.flatMap(({ runs }) => runs.map((run) => run.rows))),
    tileVectors: layout.panels[0]!.vectors,
  };
  const registers = claimRegisters(target, description, tile);
  const fields = NIBBLE_GEMM_ARGUMENTS;
  const plan = {
    blocks,
    panels: layout.panels,
    panelByteLength: layout.panelByteLength,
    arguments: { ...fields, rows: fields.groupParameters },
    rowBytes: {
      a: aRowStride * encodedGroupCodeBytes(target.traits),
      c: cRowStride * 4,
      rows: layout.groups * GROUP_PARAMETER_BYTES,
    },
  };
  const c = emitProductLoops(target, plan, (positions, tileRows, panel) => {
    const sums = emitNibbleSums({ target, description, layout, panel, registers, positions, rows: tileRows });
    emitResult(target, description, sums, panel, positions, registers.weights[0]!);
  });
  target.argument(c, fields.c);
  const matrix = { pointer: c, rows, columns, rowStride: cRowStride };
  emitActivationPass(target, epilogue.activation, Object.values(registers).flat(), matrix);
}

function claimRegisters(
  target: Target<unknown>,
  description: NibbleGemmDescription,
  tile: { readonly tileRows: number; readonly tileVectors: number },
): NibbleTileVectors {
  const { temporaries, ...own } = nibbleTileRegisters(description, tile, target.traits);
  const claimed = Object.values(own).reduce((sum, count) => sum + count, 0);
  const ofPass = activationPassVectors(description.epilogue.activation, 0);
  return claimNibbleTile(target, description, tile, Math.max(0, ofPass - claimed));
}

/** Bias and clamp, then the stores. `b` points at the bias. */
function emitResult(
  target: Target<unknown>,
  { epilogue, cRowStride }: NibbleGemmDescription,
  sums: readonly (readonly Vector[])[],
  panel: NibblePanel,
  { b, c }: ProductPositions,
  scratch: Vector,
): void {
  for (let v = 0; epilogue.bias && v < panel.vectors; v++) {
    target.load(scratch, { base: b, offset: v * target.traits.lanes * 4 });
    for (const row of sums) target.float('add', row[v]!, row[v]!, scratch);
  }
  emitClamp(target, epilogue.activation, sums.flat(), scratch);
  emitStores(target, sums, { c, columns: panel.columns }, cRowStride);
}
