import { Random } from '@qedge/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStateMachine } from '../src/state-vector/machine/create-node-machine.ts';
import { paddedOffset } from '../src/state-vector/machine/state-addressing.ts';
import type { MachineState, StateMachine } from '../src/state-vector/state-machine.ts';
import { randomVectorProgram } from './random-vector-program.ts';
import { type PlainState, runVectorProgram } from './run-vector-program.ts';
import { stateMachines } from './state-machines.ts';

const PROGRAMS = 60;

/** Reads or writes the amplitudes of a state by basis state. */
function forAmplitudes(
  state: MachineState,
  visit: (index: number, numbers: Float32Array | Float64Array, at: number, lanes: number) => void,
) {
  const { layout, chunks } = state;
  const lanes = 2 ** layout.laneQubits;
  for (let index = 0; index < 2 ** layout.qubitCount; index++) {
    visit(index, chunks[0]!, Math.floor(index / lanes) * 2 * lanes + (index % lanes), lanes);
  }
}

function fillRandomly(state: MachineState, seed: number): PlainState {
  const random = new Random(seed);
  const size = 2 ** state.layout.qubitCount;
  const plain = { re: new Float64Array(size), im: new Float64Array(size) };
  forAmplitudes(state, (index, numbers, at, lanes) => {
    numbers[at] = random.normal();
    numbers[at + lanes] = random.normal();
    plain.re[index] = numbers[at]!;
    plain.im[index] = numbers[at + lanes]!;
  });
  return plain;
}

describe.each(await stateMachines())('programs on $name', ({ create }) => {
  let machine: StateMachine;
  beforeAll(async () => {
    machine = await create();
  });
  afterAll(() => machine.dispose());

  it('do what their operations say', () => {
    // Some twenty operations on amplitudes near 1, each of a few roundings.
    const tolerance = machine.element === 'float32' ? 1e-5 : 1e-13;
    const { laneQubits } = machine.shape;
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      const layout = machine.layoutOf(laneQubits + (seed % 6));
      const { program, tables } = randomVectorProgram(seed, layout, machine.shape);
      using loaded = machine.load(program);
      loaded.tables.set(tables);
      using state = machine.createState(layout.qubitCount);
      const plain = fillRandomly(state, seed);
      loaded.run(state);
      runVectorProgram(program, loaded.tables, plain);
      const scale = Math.max(1, ...plain.re.map(Math.abs), ...plain.im.map(Math.abs));
      let worst = 0;
      forAmplitudes(state, (index, numbers, at, lanes) => {
        const error = Math.max(
          Math.abs(numbers[at]! - plain.re[index]!),
          Math.abs(numbers[at + lanes]! - plain.im[index]!),
        );
        worst = Math.max(worst, Number.isNaN(error) ? Infinity : error / scale);
      });
      expect(worst, `program ${seed}: ${JSON.stringify(program.sweeps)}`).toBeLessThan(tolerance);
    }
  });
});
void createStateMachine;
void paddedOffset;
