import { Random } from '@qedge/core';
import {
  BANDWIDTH_ARGUMENTS,
  BANDWIDTH_STEP_BYTES,
  type BandwidthDescription,
} from '../../description/bandwidth.ts';
import { setArgument } from '../../host/argument-block.ts';
import type { Target, TargetTraits, Vector } from '../../target/target.ts';
import type { KernelFamily, KernelTrial } from '../kernel-family.ts';

function emitBandwidth(target: Target<unknown>): void {
  const vectorBytes = target.traits.lanes * 4;
  const accumulators = target.vectors('accumulators', 4);
  const loaded = target.vectors('loaded', 4);
  const source = target.pointer('source');
  for (const accumulator of accumulators) target.zero(accumulator);
  target.loopArgument(BANDWIDTH_ARGUMENTS.passes, () => {
    target.argument(source, BANDWIDTH_ARGUMENTS.source);
    target.loopArgument(BANDWIDTH_ARGUMENTS.steps, () => {
      for (let index = 0; index < BANDWIDTH_STEP_BYTES / vectorBytes; index++) {
        const [value, sum] = [loaded[index % 4]!, accumulators[index % 4]!];
        target.load(value, { base: source, offset: index * vectorBytes });
        target.integer('add', sum, sum, value);
      }
      target.advance(source, BANDWIDTH_STEP_BYTES);
    });
  });
  const [first, ...others] = accumulators as [Vector, ...Vector[]];
  for (const other of others) target.integer('add', first, first, other);
  target.argument(source, BANDWIDTH_ARGUMENTS.result);
  target.store(first, { base: source, offset: 0 });
}

/** Three steps, three times; a step or a pass more or less gives another sum. */
function bandwidthTrial({ lanes }: TargetTraits, seed: number): KernelTrial {
  const [steps, passes] = [3, 3];
  const bytes = steps * BANDWIDTH_STEP_BYTES;
  const [result, block] = [bytes, bytes + 64];
  return {
    byteLength: bytes + 128,
    prepare({ buffer, byteOffset, address }) {
      const random = new Random(seed);
      const words = new Uint32Array(buffer, byteOffset, bytes / 4 + 16);
      for (let i = 0; i < words.length; i++) words[i] = random.uint32();
      const view = new DataView(buffer);
      const at = byteOffset + block;
      setArgument(view, at, BANDWIDTH_ARGUMENTS.source, address);
      setArgument(view, at, BANDWIDTH_ARGUMENTS.steps, steps);
      setArgument(view, at, BANDWIDTH_ARGUMENTS.passes, passes);
      setArgument(view, at, BANDWIDTH_ARGUMENTS.result, address + result);
      return address + block;
    },
    findError({ buffer, byteOffset }) {
      const words = new Int32Array(buffer, byteOffset, bytes / 4);
      const expected = new Int32Array(lanes);
      for (let i = 0; i < words.length; i++) expected[i % lanes]! += passes * words[i]!;
      const actual = new Int32Array(buffer, byteOffset + result, lanes);
      const lane = actual.findIndex((value, i) => value !== expected[i]);
      return lane < 0 ? null : `lane ${lane}: expected ${expected[lane]}, got ${actual[lane]}`;
    },
  };
}

/** {@link BandwidthDescription}. */
export const BANDWIDTH: KernelFamily<BandwidthDescription> = {
  kind: 'bandwidth',
  validate() {},
  key: () => 'bandwidth',
  emit: emitBandwidth,
  trial: (_description, traits, _effort, seed) => bandwidthTrial(traits, seed),
};
