import type { VectorOperation, VectorProgram } from '../vector-program.ts';

/** Vector instructions that a core runs in a microsecond, about: two pipes at some 3.5 GHz, not always filled. */
const INSTRUCTIONS_PER_MICROSECOND = 5000;
/** Instructions to load and store a row's two vectors and to get there. */
const INSTRUCTIONS_PER_KERNEL = 5;

/** Vector instructions per row, about. */
const INSTRUCTIONS_PER_ROW: Readonly<Record<VectorOperation['kind'], number>> = {
  'set-rows': 2,
  'rotate-rows': 3,
  'rotate-lanes': 4,
  'rotate-phase': 3,
  'multiply-phases': 6,
  'multiply-factors': 8,
  'multiply-matrix': 20,
  scale: 2,
};

/** How long a program takes on one thread, in microseconds, about: to decide whether threads pay. */
export function estimateMicroseconds({ layout, sweeps }: VectorProgram): number {
  let perRow = 0;
  for (const { kernels } of sweeps) {
    for (const { operations } of kernels) {
      perRow += INSTRUCTIONS_PER_KERNEL;
      for (const { kind } of operations) perRow += INSTRUCTIONS_PER_ROW[kind];
    }
  }
  return (2 ** (layout.qubitCount - layout.laneQubits) * perRow) / INSTRUCTIONS_PER_MICROSECOND;
}
