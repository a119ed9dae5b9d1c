import type { GateStep } from '../../circuit/gate-definition.ts';
import { on } from './euler-synthesis.ts';
import { followedBy, NO_ROTATION, normalize, type Rotation, rotationOfGate } from './rotation.ts';

/** Gates such as h and t make infinitely many rotations: the shortest words of so many of them are known. */
const MOST_WORDS = 6000;

/**
 * The shortest words of gates without angles, for bases such as `h s cx` that have nothing else: exact for whatever they reach
 * within some thousand rotations (all 24 Clifford rotations, and Clifford+T up to about ten t).
 */
export class FixedGateWords {
  readonly #words = new Map<string, readonly string[]>();

  constructor(gates: readonly string[]) {
    const generators = gates.map((name) => [name, rotationOfGate(name, [])] as const);
    const queue: (readonly [Rotation, readonly string[]])[] = [[NO_ROTATION, []]];
    this.#words.set(keyOf(NO_ROTATION), []);
    for (const [rotation, word] of queue) {
      if (this.#words.size >= MOST_WORDS) break;
      for (const [name, generator] of generators) {
        const next = normalize(followedBy(rotation, generator));
        const key = keyOf(next);
        if (this.#words.has(key)) continue;
        const longer = [...word, name];
        this.#words.set(key, longer);
        queue.push([next, longer]);
      }
    }
  }

  /** Gates that make a rotation, or null where no word is known. */
  spell(rotation: Rotation): GateStep[] | null {
    return this.#words.get(keyOf(rotation))?.map((name) => on(name)) ?? null;
  }
}

/** Equal for rotations that differ by rounding or by a sign. */
function keyOf({ w, x, y, z }: Rotation): string {
  const parts = [w, x, y, z];
  const sign = parts.find((part) => Math.abs(part) > 1e-4)! < 0 ? -1 : 1;
  return parts
    .map((part) => Math.round(sign * part * 1e7))
    .map((part) => part + 0)
    .join();
}
