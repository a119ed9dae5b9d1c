import { bfloat16Value, float16Value } from '@qedge/codegen';
import {
  elementCount,
  InvalidArgumentError,
  type StoredTensor,
  type ValueSpec,
  type WeightSource,
} from '@qedge/core';
import { VALUE_ARRAYS, type ValueData } from './operators/operator-definition.ts';

/** A constant of a graph: its numbers, or how to get them when they are needed. */
export interface GraphConstant {
  readonly spec: ValueSpec;
  readonly load: () => ValueData['data'];
}

/** A weight source over the constants of a graph. Keeps the map: constants that are added later are seen. */
export function constantWeights(constants: ReadonlyMap<string, GraphConstant>): WeightSource {
  const find = (name: string): GraphConstant => {
    const constant = constants.get(name);
    if (constant) return constant;
    throw new InvalidArgumentError('Unknown constant', { expected: 'a constant of the graph', actual: name });
  };
  return {
    names: () => [...constants.keys()],
    has: (name) => constants.has(name),
    spec: (name) => ({ name, ...find(name).spec }),
    load(name): StoredTensor {
      const { spec, load } = find(name);
      return { name, ...spec, data: load() };
    },
  };
}

/**
 * The numbers of a constant, as many and of the type as its graph says. Half floats of the source become the float32 numbers that they are.
 *
 * @throws InvalidArgumentError where the source holds others.
 */
export function loadConstant(weights: WeightSource, name: string, { dtype, shape }: ValueSpec): ValueData {
  const stored = weights.load(name);
  const data = dtype === 'float32' ? widenHalfFloats(stored) : stored.data;
  if (data instanceof VALUE_ARRAYS[dtype] && data.length === elementCount(shape)) {
    return { dtype, shape, data };
  }
  throw new InvalidArgumentError(`The weight source holds another "${name}" than the graph says`, {
    expected: `${dtype} [${shape.join(', ')}]`,
    actual: `${data.constructor.name} of ${data.length}`,
  });
}

function widenHalfFloats({ dtype, data }: StoredTensor): StoredTensor['data'] {
  if (dtype === 'float16') return Float32Array.from(data, float16Value);
  return dtype === 'bfloat16' ? Float32Array.from(data, bfloat16Value) : data;
}
