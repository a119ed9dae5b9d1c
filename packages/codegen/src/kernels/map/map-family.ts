import { Random } from '@qedge/core';
import {
  expressionKey,
  MAP_ARGUMENT_COUNT,
  MAP_ARGUMENTS,
  type MapDescription,
  type MapInput,
  requireMap,
} from '../../description/map.ts';
import { arrayTrial, drawFloats, readFloat32 } from '../elements/array-trial.ts';
import { WORD_BYTES } from '../elements/element-loop.ts';
import type { KernelFamily, KernelTrial } from '../kernel-family.ts';
import { emitMap } from './emit-map.ts';
import { expectExpression } from './expect-expression.ts';

function trialOfMap(description: MapDescription, effort: 'all' | 'sample', seed: number): KernelTrial {
  const { outer, rows, width, inputs, output, expression } = description;
  const random = new Random(seed);
  const reach = ({ outerStride, rowStride, columnStride }: MapInput) => {
    return (outer - 1) * outerStride + (rows - 1) * rowStride + (width - 1) * columnStride + 1;
  };
  const contents = inputs.map((input) => drawFloats(random, reach(input), true));
  const place = (index: number, { outerStride, rowStride }: Pick<MapInput, 'outerStride' | 'rowStride'>) => {
    return Math.floor(index / rows) * outerStride + (index % rows) * rowStride;
  };
  const result = {
    argument: MAP_ARGUMENTS.output,
    rows: outer * rows,
    width,
    stride: output.rowStride,
    rowStart: (row: number) => place(row, output),
    elementBytes: WORD_BYTES,
    read: readFloat32,
    expectRow: (row: number) => {
      const starts = inputs.map((input) => place(row, input));
      return (column: number) => {
        const values = inputs.map(({ columnStride }, i) => contents[i]![starts[i]! + column * columnStride]!);
        return expectExpression(expression, values);
      };
    },
  };
  const operands = contents.map((content, i) => ({ argument: MAP_ARGUMENTS.firstInput + i, content }));
  return arrayTrial({ argumentCount: MAP_ARGUMENT_COUNT, operands, scalars: [], result }, effort, seed);
}

function layoutKey({ outer, rows, width, inputs, output }: MapDescription): string {
  const places = inputs.map(({ outerStride, rowStride, columnStride }) => {
    return `${outerStride}_${rowStride}_${columnStride}`;
  });
  return `${outer}x${rows}x${width}-${output.outerStride}_${output.rowStride}-${places.join('-')}`;
}

/** {@link MapDescription}. */
export const MAP: KernelFamily<MapDescription> = {
  kind: 'map',
  validate: requireMap,
  key: (description) => {
    return `map-${layoutKey(description)} ${expressionKey(description.expression, description.inputs.length)}`;
  },
  emit: emitMap,
  trial: (description, _traits, effort, seed) => trialOfMap(description, effort, seed),
};
