import type { VectorOperation, VectorProgram } from '../vector-program.ts';
import { countBits } from './bits.ts';
import { InstructionCost } from './kernel-scan.ts';

/** What a plan costs, for rooflines. */
export interface PlanStatistics {
  readonly sweeps: number;
  readonly kernels: number;
  /** Vector operations (fused multiply-adds, multiplications) per vector of amplitudes, real and imaginary part together. */
  readonly instructionsPerVector: number;
  /** Bytes that the sweeps read from and write to the state; and those of all kernels, within the cache. */
  readonly stateBytes: number;
  readonly cacheBytes: number;
  readonly tableBytes: number;
}

export function measurePlan(program: VectorProgram): PlanStatistics {
  const { layout, sweeps } = program;
  const numberBytes = layout.element === 'float32' ? 4 : 8;
  const passBytes = 2 * 2 * numberBytes * 2 ** Math.max(layout.qubitCount, layout.laneQubits);
  let kernels = 0;
  let instructions = 0;
  for (const sweep of sweeps) {
    kernels += sweep.kernels.length;
    for (const kernel of sweep.kernels) {
      for (const operation of kernel.operations)
        instructions += countInstructions(operation, kernel.blockQubits.length);
    }
  }
  return {
    sweeps: sweeps.length,
    kernels,
    instructionsPerVector: instructions,
    stateBytes: sweeps.length * passBytes,
    cacheBytes: kernels * passBytes,
    tableBytes: program.tableLength * numberBytes,
  };
}

function countInstructions(operation: VectorOperation, blockQubits: number): number {
  const rows = 2 ** blockQubits;
  switch (operation.kind) {
    case 'set-rows':
      return 0;
    case 'multiply-phases':
      return InstructionCost.table * (1 - countBits(operation.trivialRows) / rows);
    case 'multiply-factors':
      // Products of the factors are computed once for all rows; a selection takes one or two more on each.
      return (
        InstructionCost.table * (1 - countBits(operation.trivialRows) / rows) +
        (4 * (operation.factors.length - 1)) / rows +
        (operation.selection === null ? 0 : 2)
      );
    case 'multiply-matrix':
      return InstructionCost.matrix;
    default:
      return InstructionCost.rotation;
  }
}
