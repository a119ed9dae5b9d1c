import { Random } from '@qedge/core';
import { requireActivation } from '../../description/epilogue.ts';
import {
  CHANNEL_SCALE_ARGUMENT_COUNT,
  CHANNEL_SCALE_ARGUMENTS,
  type ChannelScaleDescription,
} from '../../description/normalization.ts';
import { requireRowLayout } from '../../description/row-layout.ts';
import type { Target, Vector } from '../../target/target.ts';
import { expectActivation } from '../activation/activation-family.ts';
import { emitActivation, planActivation } from '../activation/emit-activation.ts';
import { arrayTrial, drawFloats, readFloat32 } from '../elements/array-trial.ts';
import { emitElementLoop, emitLoad, emitRowLoop, emitStore, WORD_BYTES } from '../elements/element-loop.ts';
import { claimableVectors } from '../elements/vector-group.ts';
import type { KernelFamily } from '../kernel-family.ts';

function emitChannelScale(target: Target<unknown>, description: ChannelScaleDescription): void {
  const { rows, width, inputStride, outputStride, activation } = description;
  const plan = planActivation(activation, claimableVectors(target.traits) - 1);
  const values = target.vectors('values', plan.values);
  const scratch = target.vectors('scratch', plan.scratch);
  const [parameter] = target.vectors('parameter', 1) as [Vector];
  const claim = (name: keyof typeof CHANNEL_SCALE_ARGUMENTS) => {
    const pointer = target.pointer(name);
    target.argument(pointer, CHANNEL_SCALE_ARGUMENTS[name]);
    return pointer;
  };
  const [input, output, scale, shift] = [claim('input'), claim('output'), claim('scale'), claim('shift')];
  const streams = [input, output, scale, shift].map((pointer) => ({ pointer, elementBytes: WORD_BYTES }));
  const strides = [
    { pointer: input, bytes: inputStride * WORD_BYTES },
    { pointer: output, bytes: outputStride * WORD_BYTES },
  ];
  emitRowLoop(target, rows, strides, () => {
    emitElementLoop(target, width, streams, plan.values, (portions) => {
      const group = values.slice(0, portions.length);
      for (const [v, value] of group.entries()) {
        emitLoad(target, value, input, portions[v]!);
        emitLoad(target, parameter, scale, portions[v]!);
        target.float('multiply', value, value, parameter);
        emitLoad(target, parameter, shift, portions[v]!);
        target.float('add', value, value, parameter);
      }
      emitActivation(target, activation, group, scratch);
      for (const [v, value] of group.entries()) emitStore(target, value, output, portions[v]!);
    });
  });
}

/** {@link ChannelScaleDescription}. */
export const CHANNEL_SCALE: KernelFamily<ChannelScaleDescription> = {
  kind: 'channel-scale',
  validate(description) {
    requireRowLayout(description);
    requireActivation(description.activation);
  },
  key: ({ rows, width, inputStride, outputStride, activation }) =>
    `channel-scale-${rows}x${width}-${inputStride}_${outputStride}-${activation}`,
  emit: emitChannelScale,
  trial({ rows, width, inputStride, outputStride, activation }, _traits, effort, seed) {
    const random = new Random(seed);
    const input = drawFloats(random, rows * inputStride, true);
    const scale = drawFloats(random, width, false);
    const shift = drawFloats(random, width, false);
    const { fround } = Math;
    const result = {
      argument: CHANNEL_SCALE_ARGUMENTS.output,
      rows,
      width,
      stride: outputStride,
      elementBytes: WORD_BYTES,
      read: readFloat32,
      expectRow: (row: number) => (column: number) => {
        const product = fround(input[row * inputStride + column]! * scale[column]!);
        return expectActivation(activation, fround(product + shift[column]!));
      },
    };
    const operands = [
      { argument: CHANNEL_SCALE_ARGUMENTS.input, content: input },
      { argument: CHANNEL_SCALE_ARGUMENTS.scale, content: scale },
      { argument: CHANNEL_SCALE_ARGUMENTS.shift, content: shift },
    ];
    const argumentCount = CHANNEL_SCALE_ARGUMENT_COUNT;
    return arrayTrial({ argumentCount, operands, scalars: [], result }, effort, seed);
  },
};
