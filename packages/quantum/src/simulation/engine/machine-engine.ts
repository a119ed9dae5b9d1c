import { systemClock } from '@qedge/core';
import { lowerCircuit } from '../../state-vector/lowering/lower-circuit.ts';
import { stateBytes } from '../../state-vector/machine/state-addressing.ts';
import { planSweeps } from '../../state-vector/planner/plan-sweeps.ts';
import type { StateMachine } from '../../state-vector/state-machine.ts';
import { copyFrame, type StateFrame } from '../amplitudes/stored-state.ts';
import { compileMachineBatch } from './machine-batch.ts';
import type { EngineProgram, ProgramRequest, ProgramStart, StateEngine } from './state-engine.ts';

/** Places of amplitudes are 32-bit integers. */
const MAX_QUBITS = 31;

/** What a machine does not say of itself. */
export interface MachineEngineFacts {
  /** True where exactly this code was asked for. */
  readonly isAskedFor: boolean;
  /** Most bytes for all states that exist at the same time; default what the machine has. */
  readonly maxBytes?: number | undefined;
}

/** Plans circuits for a state machine and runs them there. Takes ownership of the machine. */
export function createMachineEngine(machine: StateMachine, facts: MachineEngineFacts): StateEngine {
  const dispose = () => machine.dispose();
  const { maxBytes = Number.POSITIVE_INFINITY } = facts;
  const availableBytes = () => Math.min(maxBytes - machine.stateBytesInUse, machine.availableBytes());
  return {
    name: 'state-vector',
    target: machine.isa,
    reason: reasonOf(machine, facts),
    precision: machine.element === 'float32' ? 'f32' : 'f64',
    threads: machine.threads,
    maxQubits: MAX_QUBITS,
    availableBytes,
    stateBytes: (qubitCount) =>
      stateBytes(machine.layoutOf(Math.min(qubitCount, 44))) * 2 ** Math.max(0, qubitCount - 44),
    arithmetic: machine.arithmetic,
    allocate: (qubitCount) => machine.createState(qubitCount),
    compile: (request, start) => compileForMachine(machine, request, start),
    compileBatch: (request) => compileMachineBatch(machine, request, availableBytes()),
    dispose,
    [Symbol.dispose]: dispose,
  };
}

function reasonOf({ fallbacks }: StateMachine, { isAskedFor }: MachineEngineFacts): string {
  if (isAskedFor) return 'asked for';
  if (fallbacks.length === 0) return 'the fastest code for this host, unless QEDGE_ISA names another';
  return fallbacks.map(({ from, why }) => `no ${from}: ${why}`).join('; ');
}

function compileForMachine(
  machine: StateMachine,
  { instructions, qubitCount, angleCount }: ProgramRequest,
  { places, known }: ProgramStart,
): EngineProgram {
  const startMs = systemClock.nowMs();
  const lowered = lowerCircuit(instructions, qubitCount, {
    keep: 'all',
    continues: known === 'nothing',
    startsAtZero: known === 'zero',
  });
  const planned = planSweeps(lowered, machine.layoutOf(qubitCount), machine.shape, { initialQubits: places });
  const planSeconds = (systemClock.nowMs() - startMs) / 1000;
  const loaded = machine.load(planned.program);
  const order = Int32Array.from(lowered.parameterNames, (name) => Number(name.slice(1)));
  const isOrdered = order.length === angleCount && order.every((angle, index) => angle === index);
  const values = new Float64Array(order.length);
  const last = new BoundAngles(angleCount);
  const dispose = () => loaded.dispose();
  return {
    planSeconds,
    compileSeconds: loaded.compileSeconds,
    codeBytes: loaded.codeBytes,
    get statistics() {
      return planned.statistics;
    },
    bind(angles, frame) {
      if (last.isFor(angles, frame)) return last.end();
      for (let i = 0; i < order.length; i++) values[i] = angles[order[i]!]!;
      const end = planned.bind(isOrdered ? angles : values, loaded.tables, frame);
      last.remember(angles, frame, end);
      return end;
    },
    run: (state) => {
      if (known === 'zero' && !lowered.sets) state.setBasisState();
      loaded.run(state.memory);
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}

/** What the tables of a program were filled for last. */
class BoundAngles {
  readonly #angles: Float64Array;
  #start: StateFrame | null = null;
  #end: StateFrame | null = null;

  constructor(angleCount: number) {
    this.#angles = new Float64Array(angleCount);
  }

  isFor(angles: Float64Array, { flips, phase }: StateFrame): boolean {
    const start = this.#start;
    if (start === null || start.phase !== phase) return this.#forget();
    const own = this.#angles;
    for (let i = 0; i < own.length; i++) if (own[i] !== angles[i]) return this.#forget();
    for (let i = 0; i < flips.length; i++) if (flips[i] !== start.flips[i]) return this.#forget();
    return true;
  }

  /** Tables are about to be filled, which may fail. */
  #forget(): false {
    this.#start = null;
    return false;
  }

  remember(angles: Float64Array, start: StateFrame, end: StateFrame): void {
    this.#angles.set(angles);
    this.#start = copyFrame(start);
    this.#end = copyFrame(end);
  }

  /** The frame that runs lead to. */
  end(): StateFrame {
    return copyFrame(this.#end!);
  }
}
