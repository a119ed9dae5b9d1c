import { Random } from '@qedge/core';
import {
  CHANNEL_SCALE_ARGUMENT_COUNT,
  CHANNEL_SCALE_ARGUMENTS,
  type ChannelScaleDescription,
} from '../../description/normalization.ts';
import { requireKnown, requireRowLayout } from '../../description/row-layout.ts';
import type { Target, Vector } from '../../target/target.ts';
import { expectActivation, portionsPerTurn } from '../activation/activation-family.ts';
import { ACTIVATIONS, activationScratch, emitActivation } from '../activation/emit-activation.ts';
import { arrayTrial, drawFloats, readFloat32 } from '../elements/array-trial.ts';
import { emitElementLoop, emitRowLoop, WORD_BYTES, wordsAt } from '../elements/element-loop.ts';
import type { KernelFamily } from '../kernel-family.ts';

function emitChannelScale(target: Target<unknown>, description: ChannelScaleDescription): void {
  const { rows, width, inputStride, outputStride, activation } = description;
  const [value, parameter] = target.vectors('value and parameter', 2) as [Vector, Vector];
  const scratch = target.vectors('scratch', activationScratch(activation, target.traits));
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
    emitElementLoop(target, width, streams, portionsPerTurn(activation), (portions) => {
      for (const portion of portions) {
        target.load(value, wordsAt(input, portion), portion.lanes);
        target.load(parameter, wordsAt(scale, portion), portion.lanes);
        target.float('multiply', value, value, parameter);
        target.load(parameter, wordsAt(shift, portion), portion.lanes);
        target.float('add', value, value, parameter);
        emitActivation(target, activation, [value], scratch);
        target.store(value, wordsAt(output, portion), portion.lanes);
      }
    });
  });
}

/** {@link ChannelScaleDescription}. */
export const CHANNEL_SCALE: KernelFamily<ChannelScaleDescription> = {
  kind: 'channel-scale',
  validate(description) {
    requireRowLayout(description);
    requireKnown('activation', description.activation, ACTIVATIONS);
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
