import type { PointwiseOperation } from '@qedge/core';
import { MAP_ARGUMENTS, type MapDescription } from '../../description/map.ts';
import type { Comparison, FloatOperation, Pointer, Target } from '../../target/target.ts';
import {
  emitElementLoop,
  emitLoad,
  emitStore,
  type Portion,
  type Stream,
  WORD_BYTES,
} from '../elements/element-loop.ts';
import {
  claimableVectors,
  GroupOperations,
  MOST_TOGETHER,
  type VectorGroup,
} from '../elements/vector-group.ts';
import { emitPower } from './emit-power.ts';
import { type MapProgram, type MapStep, planMap } from './map-program.ts';
import { emitPointwiseFunction } from './pointwise-emitters.ts';

const ARITHMETIC: Partial<Record<PointwiseOperation, FloatOperation>> = {
  add: 'add',
  subtract: 'subtract',
  multiply: 'multiply',
  divide: 'divide',
  minimum: 'min',
  maximum: 'max',
};

const COMPARISONS: Partial<Record<PointwiseOperation, Comparison>> = { equal: 'equal', less: 'less' };

/** Where a map reads and writes, with the strides by which each place moves. */
interface MapPlace {
  readonly pointer: Pointer;
  readonly outerStride: number;
  readonly rowStride: number;
  readonly columnStride: 0 | 1;
}

/** Registers of a map: groups by unit, as long as there are elements that are computed together. */
interface MapEmission {
  readonly target: Target<unknown>;
  readonly operations: GroupOperations;
  readonly units: readonly VectorGroup[];
  readonly inputs: readonly MapPlace[];
}

function emitOperation(
  { operations }: MapEmission,
  operation: PointwiseOperation,
  a: VectorGroup,
  b: VectorGroup,
  scratch: readonly VectorGroup[],
): void {
  const arithmetic = ARITHMETIC[operation];
  if (arithmetic !== undefined) {
    operations.float(arithmetic, a, a, b);
    return;
  }
  if (operation === 'power') {
    emitPower(operations, a, b, scratch);
    return;
  }
  const comparison = COMPARISONS[operation];
  if (comparison !== undefined) operations.compare(comparison, a, a, b);
  else operations.compare('less', a, b, a);
  operations.constant(scratch[0]!, 1);
  operations.integer('and', a, a, scratch[0]!);
}

function emitStep(emission: MapEmission, step: MapStep, portions: readonly Portion[]): void {
  const { target, operations, inputs } = emission;
  const group = (unit: number) => emission.units[unit]!.slice(0, portions.length);
  const to = group(step.to);
  switch (step.kind) {
    case 'input': {
      const { pointer, columnStride } = inputs[step.input]!;
      if (columnStride === 1) {
        for (const [v, value] of to.entries()) emitLoad(target, value, pointer, portions[v]!);
      } else {
        target.splat(to[0]!, { base: pointer, offset: 0 });
        for (const value of to.slice(1)) target.copy(value, to[0]!);
      }
      return;
    }
    case 'constant':
      operations.constant(to, step.value);
      return;
    case 'copy':
      operations.copy(to, group(step.from));
      return;
    case 'apply':
      emitPointwiseFunction(target, step.apply, to, step.scratch.map(group));
      return;
    case 'operation':
      emitOperation(emission, step.operation, to, group(step.b), step.scratch.map(group));
      return;
    case 'select': {
      const [condition, zero] = [group(step.condition), group(step.scratch[0]!)];
      // Where the condition equals 0 keeps what is there; NaN does not equal 0.
      operations.zero(zero);
      operations.compare('equal', condition, condition, zero);
      const a = group(step.a);
      operations.integer('xor', a, a, to);
      operations.integer('andNot', a, condition, a);
      operations.integer('xor', to, to, a);
    }
  }
}

/** Loops over the outer axis and the rows; pointers are moved by what the strides leave. */
function emitRows(
  target: Target<unknown>,
  { outer, rows }: MapDescription,
  places: readonly MapPlace[],
  body: () => void,
): void {
  const move = (bytes: (place: MapPlace) => number) => {
    for (const place of places) target.advance(place.pointer, bytes(place) * WORD_BYTES);
  };
  target.loop(outer, () => {
    target.loop(rows, () => {
      body();
      if (rows > 1) move(({ rowStride }) => rowStride);
    });
    if (outer > 1) move(({ outerStride, rowStride }) => outerStride - (rows > 1 ? rows * rowStride : 0));
  });
}

/** Emits a map: as many vectors together as the registers allow. */
export function emitMap(target: Target<unknown>, description: MapDescription): void {
  const { width, inputs, output, expression } = description;
  const program: MapProgram = planMap(expression);
  const together = Math.floor(claimableVectors(target.traits) / program.units);
  const size = Math.max(1, Math.min(MOST_TOGETHER, together));
  const units = Array.from({ length: program.units }, (_, unit) => target.vectors(`unit ${unit}`, size));
  const claim = (role: string, index: number) => {
    const pointer = target.pointer(role);
    target.argument(pointer, index);
    return pointer;
  };
  const result: MapPlace = { ...output, columnStride: 1, pointer: claim('output', MAP_ARGUMENTS.output) };
  const sources = inputs.map((input, i): MapPlace => {
    return { ...input, pointer: claim(`input ${i}`, MAP_ARGUMENTS.firstInput + i) };
  });
  const emission = { target, operations: new GroupOperations(target), units, inputs: sources };
  const streams = [result, ...sources]
    .filter(({ columnStride }) => columnStride === 1)
    .map(({ pointer }): Stream => ({ pointer, elementBytes: WORD_BYTES }));
  emitRows(target, description, [result, ...sources], () => {
    emitElementLoop(target, width, streams, size, (portions) => {
      for (const step of program.steps) emitStep(emission, step, portions);
      for (const [v, portion] of portions.entries()) {
        emitStore(target, units[program.result]![v]!, result.pointer, portion);
      }
    });
  });
}
