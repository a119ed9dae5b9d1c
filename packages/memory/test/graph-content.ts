import type { OperatorGraph, StoredTensor, WeightSource } from '@qedge/core';

/** An operator graph with these float32 constants `[count]`; what its nodes compute is of no matter to a file. */
export function constantsGraph(constants: Readonly<Record<string, number>>): OperatorGraph {
  return {
    format: 'qedge-operator-graph',
    version: 1,
    name: 'constants',
    inputs: ['x'],
    outputs: ['y'],
    constants: Object.keys(constants),
    values: {
      x: { dtype: 'float32', shape: [1] },
      y: { dtype: 'float32', shape: [1] },
      ...Object.fromEntries(
        Object.entries(constants).map(([name, count]) => [
          name,
          { dtype: 'float32' as const, shape: [count] },
        ]),
      ),
    },
    nodes: [
      {
        name: 'clip',
        operator: {
          kind: 'pointwise',
          expression: {
            apply: { kind: 'clip', low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY },
            to: { operation: 'add', a: { input: 0 }, b: { constant: -0 } },
          },
        },
        inputs: ['x'],
        outputs: ['y'],
      },
      {
        name: 'pad',
        operator: { kind: 'pad', before: [0], after: [0], mode: 'constant', value: Number.NaN },
        inputs: ['y'],
        outputs: ['z'],
      },
    ],
  };
}

/** Element i of tensor number `index`: exact in float32, different at every page. */
export function elementOf(index: number, i: number): number {
  return (index + 1) * 65_536 + (i % 65_521);
}

/** Tensors that are made when they are asked for, so that a model larger than memory can be written. */
export function madeTensors(constants: Readonly<Record<string, number>>): WeightSource {
  const names = Object.keys(constants);
  const spec = (name: string) => ({ name, dtype: 'float32' as const, shape: [constants[name]!] });
  return {
    names: () => names,
    has: (name) => Object.hasOwn(constants, name),
    spec,
    load: (name): StoredTensor => {
      const data = new Float32Array(constants[name]!);
      const index = names.indexOf(name);
      for (let i = 0; i < data.length; i++) data[i] = elementOf(index, i);
      return { ...spec(name), data };
    },
  };
}
