import { InvalidArgumentError, type StoredTensor, type WeightSource } from '@qedge/core';
import type { ValueData } from '../operators/operator-definition.ts';

/** A weight source with exactly the tensors `names`: those in `added`, and the others of `base`, which is borrowed. */
export function overlayWeights(
  base: WeightSource,
  names: readonly string[],
  added: ReadonlyMap<string, ValueData>,
): WeightSource {
  const known = new Set(names);
  const check = (name: string) => {
    if (!known.has(name)) {
      throw new InvalidArgumentError(`Unknown tensor "${name}"`, { expected: names, actual: name });
    }
  };
  return {
    names: () => names,
    has: (name) => known.has(name),
    spec(name) {
      check(name);
      const own = added.get(name);
      return own ? { name, dtype: own.dtype, shape: own.shape } : base.spec(name);
    },
    load(name): StoredTensor {
      check(name);
      const own = added.get(name);
      return own ? { name, ...own } : base.load(name);
    },
  };
}
