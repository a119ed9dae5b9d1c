import {
  allToAllTarget,
  type CouplingEdge,
  gridTarget,
  heavyHexTarget,
  lineTarget,
  ringTarget,
  type Target,
} from '@qedge/quantum';
import { UsageError } from '../command.ts';

/** The couplings of IBM's 20-qubit Tokyo, as Li, Ding and Xie print them (arXiv 1809.02573): a 4 x 5 grid with crossing diagonals. */
function tokyoTarget(): Target {
  const { basisGates } = gridTarget(4, 5);
  const couplingEdges: CouplingEdge[] = [];
  for (let qubit = 0; qubit < 20; qubit++) {
    const [row, column] = [Math.floor(qubit / 5), qubit % 5];
    if (column < 4) couplingEdges.push([qubit, qubit + 1]);
    if (row < 3) couplingEdges.push([qubit, qubit + 5]);
    // Squares with two diagonals, shifted by one from row to row.
    const isCrossed = row < 3 && column < 4 && (row + column) % 2 === 1;
    if (isCrossed) couplingEdges.push([qubit, qubit + 6], [qubit + 1, qubit + 5]);
  }
  return { name: 'tokyo20', qubitCount: 20, couplingEdges, basisGates };
}

const MAPS: Readonly<Record<string, () => Target>> = {
  tokyo20: tokyoTarget,
  heavyhex27_falcon: () => heavyHexTarget(27),
  heavyhex127_eagle: () => heavyHexTarget(127),
  heron156_fez: () => heavyHexTarget(156),
  grid5x5: () => gridTarget(5, 5),
  grid10x10: () => gridTarget(10, 10),
  line25: () => lineTarget(25),
  line127: () => lineTarget(127),
  ring25: () => ringTarget(25),
  ring127: () => ringTarget(127),
  full25: () => allToAllTarget(25),
};

/** Names of maps that circuits can be compiled for, as the stored reference counts spell them. */
export const MAP_NAMES = Object.keys(MAPS);

/** A target by its name, with the basis rz, sx, x, cx. @throws UsageError for another name. */
export function benchmarkTarget(name: string): Target {
  const make = MAPS[name];
  if (make !== undefined) return { ...make(), name };
  throw new UsageError('There is no such map', { expected: MAP_NAMES.join(', '), actual: name });
}
