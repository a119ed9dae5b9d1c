import type { GemmPlan } from './gemm-plan.ts';

/** Which of the outer loops are emitted as loops; the others are written out, so that positions in operands are constants. */
export interface LoopChoice {
  readonly batch: boolean;
  readonly passes: boolean;
  readonly blocks: boolean;
  readonly runs: boolean;
}

/** Which positions are moved by an emitted loop and so need an address register. */
export interface MovingPositions {
  readonly left: boolean;
  readonly leftTile: boolean;
  readonly right: boolean;
  readonly rightTile: boolean;
  readonly sums: boolean;
  readonly result: boolean;
  readonly bias: boolean;
}

/** Rolls every loop that the target has address registers for. Those with the fewest turns are written out first. */
export function chooseLoops(plan: GemmPlan): LoopChoice {
  const batch = plan.description.batch > 1;
  const blocks = plan.rowBlocks.some(({ count }) => count > 1);
  const passes = plan.depthPasses.some(({ count }) => count > 1);
  const runs = plan.rowBlocks.some((block) => block.runs.some(({ count }) => count > 1));
  const choices = [
    { batch, passes, blocks, runs },
    { batch, passes: false, blocks, runs },
    { batch, passes: false, blocks: false, runs },
    { batch, passes: false, blocks: false, runs: false },
  ];
  return choices.find((loops) => pointerCount(plan, loops) <= plan.traits.pointers) ?? choices.at(-1)!;
}

export function movingPositions(
  plan: GemmPlan,
  { batch, passes, blocks, runs }: LoopChoice,
): MovingPositions {
  const panels = plan.fullTiles > 1;
  const packsLeft = plan.packLeft !== 'none';
  const { direct } = plan.result;
  const tiles = runs || panels || blocks;
  return {
    left: batch || passes || blocks || (runs && !packsLeft),
    leftTile: runs,
    right: batch || passes || (panels && plan.packRight !== 'block'),
    rightTile: panels,
    sums: tiles || (direct && batch),
    result: batch || (direct && tiles),
    bias: plan.biasAxis === 'row' ? runs || blocks : panels,
  };
}

/** Address registers in use at the deepest place: inside the depth loop of a tile, or the inner loop of packing A. */
function pointerCount(plan: GemmPlan, loops: LoopChoice): number {
  const moving = movingPositions(plan, loops);
  const hasBias = plan.biasAxis !== null;
  const used = [
    moving.left,
    moving.leftTile && plan.packLeft !== 'none',
    moving.right,
    moving.rightTile && plan.packRight === 'block',
    moving.sums,
    moving.result && !plan.result.direct,
    moving.bias && hasBias,
    hasBias,
    loops.batch,
    loops.passes,
    loops.blocks,
  ];
  const tileLoops = [loops.runs, plan.fullTiles > 1].filter(Boolean).length;
  const innerLoops = Math.max(tileLoops, plan.packLeft === 'none' ? 0 : 2);
  const tilePointersAndDepth = 4;
  return tilePointersAndDepth + used.filter(Boolean).length + innerLoops;
}
