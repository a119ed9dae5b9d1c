import { type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import type { InteractionBuilder } from './interaction-builder.ts';

const Z = [0, 0, 1];
const ZZ = [0, 0, 1, 0, 0, 1];
const ZX = [0, 0, 1, 1, 0, 0];
const X = [1, 0, 0];

/**
 * `exp(-i angle(s) Z_s / 2)` for the parity `Z_s` of every set `s` of the qubits, given as a mask. For each qubit the sets in which
 * it is the last one follow in the order of a Gray code, one cx between two, or each on its own where few have an angle.
 */
export function collectPhases(
  builder: InteractionBuilder,
  qubits: readonly number[],
  angle: (subset: number) => ParameterValue,
): void {
  qubits.forEach((_, last) => {
    const count = 2 ** last;
    const sets: number[] = [];
    for (let i = 0; i < count; i++) {
      const subset = (i ^ (i >> 1)) | count;
      if (angle(subset) !== 0) sets.push(subset);
    }
    const isSmall = (subset: number) => (subset ^ count) === ((subset ^ count) & -(subset ^ count));
    const wide = sets.filter((subset) => !isSmall(subset));
    const alone = wide.reduce((cost, subset) => cost + 2 * (bitCount(subset) - 1), 0);
    if (wide.length > 0 && alone >= count) {
      walkGrayCode(builder, qubits, last, angle);
      return;
    }
    for (const subset of sets) rotateParity(builder, qubits, subset, angle(subset));
  });
}

/** A rotation of one parity: on one or two qubits a step, else between two ladders of cx. */
function rotateParity(
  builder: InteractionBuilder,
  qubits: readonly number[],
  subset: number,
  angle: ParameterValue,
): void {
  const members = qubits.filter((_, i) => (subset >> i) & 1);
  const half = scaleAngle(angle, -0.5);
  const target = members.at(-1)!;
  if (members.length === 1) {
    builder.rotateAbout(target, Z, half);
    return;
  }
  const others = members.slice(0, -2);
  const next = members.at(-2)!;
  for (const other of others) controlledNot(builder, other, next);
  builder.core(next, target, ZZ, half);
  for (const other of others.toReversed()) controlledNot(builder, other, next);
}

/** All parities in which the qubit at `last` is the last one. */
function walkGrayCode(
  builder: InteractionBuilder,
  qubits: readonly number[],
  last: number,
  angle: (subset: number) => ParameterValue,
): void {
  const target = qubits[last]!;
  const count = 2 ** last;
  for (let i = 0; i < count; i++) {
    builder.rotateAbout(target, Z, scaleAngle(angle((i ^ (i >> 1)) | count), -0.5));
    // The bit in which this code and the next one differ; after the last code, its only bit.
    const changed = i + 1 < count ? 31 - Math.clz32((i + 1) & -(i + 1)) : last - 1;
    if (changed >= 0) controlledNot(builder, qubits[changed]!, target);
  }
}

function controlledNot(builder: InteractionBuilder, control: number, target: number): void {
  builder.rotateAbout(control, Z, -Math.PI / 4);
  builder.rotateAbout(target, X, -Math.PI / 4);
  builder.core(control, target, ZX, Math.PI / 4);
}

function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest > 0; rest &= rest - 1) count++;
  return count;
}
