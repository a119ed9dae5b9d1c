/** @file What circuits in interaction form do to states, by definition and apart from the compiler's own arithmetic. */
import { Random } from '@qedge/core';
import type { InteractionCircuit } from '../../src/compiler/interaction/interaction.ts';
import { InteractionKind } from '../../src/compiler/interaction/interaction.ts';
import { type Circuit, createReferenceSimulator } from '../../src/index.ts';

/** `[2^qubits, 2]` interleaved; bit 0 of an index is qubit 0. */
export type Amplitudes = Float64Array;

/** A random state of norm 1. */
export function randomState(qubitCount: number, seed: number): Amplitudes {
  const random = new Random(seed);
  const state = Float64Array.from({ length: 2 << qubitCount }, () => random.normal());
  const norm = Math.sqrt(state.reduce((sum, value) => sum + value * value, 0));
  return state.map((value) => value / norm);
}

/** What a circuit makes of a state. */
export function runCircuit(circuit: Circuit, state: Amplitudes): Amplitudes {
  const prepared = circuit.emptyCopy().initialize(state, [...Array(circuit.qubitCount).keys()]);
  return Float64Array.from(createReferenceSimulator().run(prepared.compose(circuit)).amplitudes());
}

/** What a circuit in interaction form, of no fences but barriers and without free angles, makes of a state; by qubits. */
export function runInteractions(circuit: InteractionCircuit, state: Amplitudes): Amplitudes {
  let current = state;
  for (const step of circuit.interactions) {
    switch (step.kind) {
      case InteractionKind.block:
        current = applyMatrix(current, step.wires, step.matrix);
        break;
      case InteractionKind.core: {
        const turned = [0, 1].reduce((s, k) => applyAxis(s, step.wires[k]!, step.axes, 3 * k), current);
        current = combine(
          current,
          Math.cos(step.angle as number),
          0,
          turned,
          0,
          Math.sin(step.angle as number),
        );
        break;
      }
      case InteractionKind.ccz: {
        // 1 - 2 (1 - n.sigma)/2 (x) (1 - m.sigma)/2 (x) (1 - l.sigma)/2
        const projected = [0, 1, 2].reduce(
          (s, k) => combine(s, 0.5, 0, applyAxis(s, step.wires[k]!, step.axes, 3 * k), -0.5, 0),
          current,
        );
        current = combine(current, 1, 0, projected, -2, 0);
        break;
      }
      case InteractionKind.fence:
        if (step.instruction!.kind !== 'barrier') throw new Error('Only barriers do nothing');
        step.framesBefore.forEach((frame, k) => {
          current = applyMatrix(current, [step.wires[k]!], frame);
        });
        break;
      default:
        throw new Error(`A step of kind ${step.kind} has no matrix`);
    }
  }
  circuit.frames.forEach((frame, wire) => {
    current = applyMatrix(current, [wire], frame);
  });
  return byQubits(current, circuit.wireOfQubit);
}

/** |<a|b>|: 1 for states that are equal up to a global phase. */
export function overlap(a: Amplitudes, b: Amplitudes): number {
  let [re, im] = [0, 0];
  for (let i = 0; i < a.length; i += 2) {
    re += a[i]! * b[i]! + a[i + 1]! * b[i + 1]!;
    im += a[i]! * b[i + 1]! - a[i + 1]! * b[i]!;
  }
  return Math.hypot(re, im);
}

function combine(a: Amplitudes, re: number, im: number, b: Amplitudes, reB: number, imB: number): Amplitudes {
  const sum = new Float64Array(a.length);
  for (let i = 0; i < a.length; i += 2) {
    sum[i] = re * a[i]! - im * a[i + 1]! + reB * b[i]! - imB * b[i + 1]!;
    sum[i + 1] = re * a[i + 1]! + im * a[i]! + reB * b[i + 1]! + imB * b[i]!;
  }
  return sum;
}

/** n.sigma on a wire. */
function applyAxis(state: Amplitudes, wire: number, axes: Float64Array, at: number): Amplitudes {
  const [x, y, z] = [axes[at]!, axes[at + 1]!, axes[at + 2]!];
  return applyMatrix(state, [wire], Float64Array.of(z, 0, x, -y, x, y, -z, 0));
}

/** A matrix whose index bit `k` belongs to `wires[k]`. */
function applyMatrix(state: Amplitudes, wires: readonly number[], matrix: Float64Array): Amplitudes {
  const size = 1 << wires.length;
  const mask = wires.reduce((sum, wire) => sum | (1 << wire), 0);
  const offsets = Array.from({ length: size }, (_, local) =>
    wires.reduce((sum, wire, k) => sum | (((local >> k) & 1) << wire), 0),
  );
  const result = new Float64Array(state.length);
  for (let base = 0; base < state.length / 2; base++) {
    if (base & mask) continue;
    for (let row = 0; row < size; row++) {
      let [re, im] = [0, 0];
      for (let column = 0; column < size; column++) {
        const [a, b] = [matrix[2 * (row * size + column)]!, matrix[2 * (row * size + column) + 1]!];
        const [c, d] = [state[2 * (base | offsets[column]!)]!, state[2 * (base | offsets[column]!) + 1]!];
        re += a * c - b * d;
        im += a * d + b * c;
      }
      result[2 * (base | offsets[row]!)] = re;
      result[2 * (base | offsets[row]!) + 1] = im;
    }
  }
  return result;
}

function byQubits(state: Amplitudes, wireOfQubit: Int32Array): Amplitudes {
  const result = new Float64Array(state.length);
  for (let index = 0; index < state.length / 2; index++) {
    let onWires = 0;
    wireOfQubit.forEach((wire, qubit) => {
      onWires |= ((index >> qubit) & 1) << wire;
    });
    result[2 * index] = state[2 * onWires]!;
    result[2 * index + 1] = state[2 * onWires + 1]!;
  }
  return result;
}
