import type { GroupOperations, VectorGroup } from '../elements/vector-group.ts';

/** `min(max(x, low), high)`; NaN stays NaN. */
export function emitClip(
  target: GroupOperations,
  x: VectorGroup,
  [bound]: readonly VectorGroup[],
  low: number,
  high: number,
): void {
  target.constant(bound!, low);
  target.float('max', x, x, bound!);
  target.constant(bound!, high);
  target.float('min', x, x, bound!);
}

/** `max(x, 0) + alpha * min(x, 0)`. */
export function emitLeakyRelu(
  target: GroupOperations,
  x: VectorGroup,
  scratch: readonly VectorGroup[],
  alpha: number,
): void {
  const [a, b] = scratch as readonly [VectorGroup, VectorGroup];
  target.zero(a);
  target.float('min', b, x, a);
  target.float('max', x, x, a);
  target.constant(a, alpha);
  target.float('multiply', b, b, a);
  target.float('add', x, x, b);
}

/** `min(max(alpha * x + beta, 0), 1)`, product and sum rounded each. */
export function emitHardSigmoid(
  target: GroupOperations,
  x: VectorGroup,
  scratch: readonly VectorGroup[],
  alpha: number,
  beta: number,
): void {
  const [a] = scratch as readonly [VectorGroup];
  target.constant(a, alpha);
  target.float('multiply', x, x, a);
  target.constant(a, beta);
  target.float('add', x, x, a);
  emitClip(target, x, scratch, 0, 1);
}

/** `max(x, -3) * (min(max(x + 3, 0), 6) / 6)`: -Infinity gives a zero. */
export function emitHardSwish(
  target: GroupOperations,
  x: VectorGroup,
  scratch: readonly VectorGroup[],
): void {
  const [a, b] = scratch as readonly [VectorGroup, VectorGroup];
  target.constant(a, 3);
  target.float('add', b, x, a);
  emitClip(target, b, [a], 0, 6);
  target.constant(a, 1 / 6);
  target.float('multiply', b, b, a);
  target.constant(a, -3);
  target.float('max', x, x, a);
  target.float('multiply', x, x, b);
}
