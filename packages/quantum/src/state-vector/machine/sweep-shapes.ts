import type { Isa, TargetTraits } from '@qedge/codegen';
import type { AmplitudeElement, SweepShape } from '../vector-program.ts';
import { blockQubitsOf } from './kernel-registers.ts';
import { elementBytes } from './state-addressing.ts';

/** Half of the level-2 cache of current server cores: what a tile may take. */
const DEFAULT_TILE_BYTES = 2 ** 19;

/**
 * What plans for a target look like: measured on brickwork and QFT circuits of 20 to 24 qubits.
 *
 * @param levelTwoBytes the level-2 cache of a core, where it is known.
 */
export function sweepShapeOf(
  traits: TargetTraits,
  isa: Isa,
  element: AmplitudeElement,
  levelTwoBytes: number | null,
): SweepShape {
  const tileBytes = levelTwoBytes === null ? DEFAULT_TILE_BYTES : levelTwoBytes / 2;
  const fitting = Math.floor(Math.log2(tileBytes / (2 * elementBytes(element))));
  return {
    laneQubits: Math.log2(traits.lanes),
    blockQubits: blockQubitsOf(traits),
    tileQubits: Math.max(12, Math.min(17, fitting)),
    // Runs of 1 KiB: with 512 bytes QFT circuits take up to 1.3 times as long (AMD Zen 4).
    lowQubits: element === 'float64' ? 6 : 7,
    tableQubits: isa === 'interpreter' ? 3 : 4,
  };
}
