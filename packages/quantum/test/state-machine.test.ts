import { CapabilityUnavailableError, InvalidArgumentError, Random, UseAfterReleaseError } from '@qedge/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStateMachine } from '../src/state-vector/machine/create-node-machine.ts';
import { createStateMachine as createPortableMachine } from '../src/state-vector/machine/create-portable-machine.ts';
import type { MachineState, StateMachine } from '../src/state-vector/state-machine.ts';
import type { RegisterKernel, TableReference, VectorProgram } from '../src/state-vector/vector-program.ts';
import { randomVectorProgram } from './random-vector-program.ts';
import { type PlainState, runVectorProgram } from './run-vector-program.ts';
import { forAmplitudes, stateMachines } from './state-machines.ts';

const PROGRAMS = 60;
const machines = await stateMachines();

/** Random amplitudes, in the state and as plain numbers. */
function fillRandomly(state: MachineState, seed: number): PlainState {
  const random = new Random(seed);
  const size = 2 ** state.layout.qubitCount;
  const plain = { re: new Float64Array(size), im: new Float64Array(size) };
  forAmplitudes(state, (index, numbers, real, imaginary) => {
    numbers[real] = random.normal();
    numbers[imaginary] = random.normal();
    plain.re[index] = numbers[real]!;
    plain.im[index] = numbers[imaginary]!;
  });
  return plain;
}

/** The largest difference between a state and plain amplitudes, relative to the largest of these where that is above 1. */
function largestError(state: MachineState, { re, im }: PlainState): number {
  let [worst, scale] = [0, 1];
  forAmplitudes(state, (index, numbers, real, imaginary) => {
    scale = Math.max(scale, Math.abs(re[index]!), Math.abs(im[index]!));
    const error = Math.max(Math.abs(numbers[real]! - re[index]!), Math.abs(numbers[imaginary]! - im[index]!));
    worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
  });
  return worst / scale;
}

/** Runs a random program on random amplitudes. */
function runRandom(machine: StateMachine, seed: number, qubitCount: number): MachineState {
  const layout = machine.layoutOf(qubitCount);
  const { program, tables } = randomVectorProgram(seed, layout, machine.shape);
  using loaded = machine.load(program);
  loaded.tables.set(tables);
  const state = machine.createState(layout.qubitCount);
  fillRandomly(state, seed);
  loaded.run(state);
  return state;
}

describe.each(machines)('programs on $name', ({ create, isa }) => {
  let machine: StateMachine;
  beforeAll(async () => {
    machine = await create();
  });
  afterAll(() => machine.dispose());

  it('do what their operations say', () => {
    // Up to some sixty operations on amplitudes near 1, each of a few roundings.
    const tolerance = machine.element === 'float32' ? 1e-6 * 8 : 1e-13;
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
      const error = largestError(state, plain);
      expect(error, `program ${seed}: ${JSON.stringify(program.sweeps)}`).toBeLessThan(tolerance);
    }
  });

  it.skipIf(isa === 'interpreter')('still find their state when others have taken memory', () => {
    const layout = machine.layoutOf(8);
    const { program, tables } = randomVectorProgram(5, layout, machine.shape);
    using loaded = machine.load(program);
    loaded.tables.set(tables);
    using state = machine.createState(8);
    const plain = fillRandomly(state, 5);
    // WebAssembly's memory grows here, which replaces its buffer.
    using other = machine.createState(21);
    expect(other.chunks[0]!.length).toBe(2 ** 22);
    loaded.run(state);
    runVectorProgram(program, loaded.tables, plain);
    expect(largestError(state, plain)).toBeLessThan(1e-5);
  });
});

const strict = machines.filter(({ isa }) => ['avx512', 'avx2', 'wasm-strict'].includes(isa));

describe.each(strict)('threads on $name', ({ create }) => {
  it('change no bit of a result in strict mode', async () => {
    using one = await create({ strict: true });
    using three = await create({ strict: true, threads: 3 });
    expect(three.threads).toBe(3);
    // Large enough that dividing them pays.
    for (const [seed, qubits] of [
      [3, 17],
      [8, 17],
      [14, 18],
    ] as const) {
      using a = runRandom(one, seed, qubits);
      using b = runRandom(three, seed, qubits);
      expect(Buffer.compare(bytesOf(a), bytesOf(b))).toBe(0);
    }
  });
});

function bytesOf(state: MachineState): Buffer {
  return Buffer.concat(
    state.chunks.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
  );
}

it('strict machines give the same bits, AVX-512, AVX2 and WebAssembly', async () => {
  // One lane's numbers do not depend on how many lanes there are, but programs do: rotations of rows are the same on all.
  const results: Buffer[] = [];
  for (const { create } of strict.filter(({ name }) => name.endsWith('float32'))) {
    using machine = await create({ strict: true });
    const { layout, program, tables } = rowRotations(machine);
    using loaded = machine.load(program);
    loaded.tables.set(tables);
    using state = machine.createState(layout.qubitCount);
    fillRandomly(state, 1);
    loaded.run(state);
    const numbers: number[] = [];
    forAmplitudes(state, (_index, values, real, imaginary) => {
      numbers.push(values[real]!, values[imaginary]!);
    });
    results.push(Buffer.from(Float32Array.from(numbers).buffer));
  }
  for (const result of results) expect(Buffer.compare(result, results[0]!)).toBe(0);
});

/** Rotations of the upper three of eight qubits, one after the other. */
function rowRotations(machine: StateMachine) {
  const layout = machine.layoutOf(8);
  const all = Array.from({ length: layout.qubitCount }, (_, qubit) => qubit);
  const tables = [0.3, -0.7, 0.9].flatMap((t) => [t, ...new Array<number>(15).fill(0)]);
  const kernels = [5, 6, 7].map((qubit, index): RegisterKernel => {
    const table: TableReference = { start: 16 * index, indexQubits: [], parity: false, entryLength: 1 };
    return {
      blockQubits: [qubit],
      operations: [{ kind: 'rotate-rows', axis: 'y', position: 0, table, width: 'splat', signs: 2 }],
    };
  });
  const program: VectorProgram = {
    layout,
    sweeps: [{ tileQubits: all, inPlace: true, kernels }],
    tableLength: tables.length,
  };
  return { layout, program, tables };
}

describe('a state machine', () => {
  it('says how many bytes are missing before it allocates any', async () => {
    for (const create of [createStateMachine, createPortableMachine]) {
      using machine = await create({ element: 'float64' });
      expect(() => machine.createState(40)).toThrow(CapabilityUnavailableError);
      expect(() => machine.createState(40)).toThrow(
        expect.objectContaining({
          facts: expect.objectContaining({ bytesNeeded: 2 ** 44 + (2 ** 16 - 1) * 8192 }),
        }),
      );
    }
  });

  it('refuses impossible numbers of qubits and options', async () => {
    using machine = await createStateMachine({ element: 'float32' });
    for (const count of [-1, 1.5, 45, Number.NaN]) {
      expect(() => machine.createState(count)).toThrow(InvalidArgumentError);
    }
    const wrong = [{ element: 'float16' as never }, { element: 'float32', threads: 0 } as const];
    for (const options of wrong) {
      await expect(createStateMachine(options)).rejects.toThrow(InvalidArgumentError);
      await expect(createPortableMachine(options)).rejects.toThrow(InvalidArgumentError);
    }
  });

  it('interprets on one thread, however many were asked for', async () => {
    using machine = await createStateMachine({ element: 'float32', isa: 'interpreter', threads: 2 });
    expect(machine.threads).toBe(1);
    using state = runRandom(machine, 3, 12);
    expect(state.layout.qubitCount).toBe(12);
  });

  it('refuses what was disposed and what belongs to another machine', async () => {
    using machine = await createStateMachine({ element: 'float32' });
    const other = await createStateMachine({ element: 'float32' });
    const { program, tables } = rowRotations(machine);
    const loaded = machine.load(program);
    loaded.tables.set(tables);
    const state = machine.createState(8);
    expect(() => loaded.run(other.createState(8))).toThrow(InvalidArgumentError);
    expect(() => loaded.run(machine.createState(9))).toThrow(InvalidArgumentError);
    state.dispose();
    state.dispose();
    expect(() => loaded.run(state)).toThrow(UseAfterReleaseError);
    expect(() => state.chunks).toThrow(UseAfterReleaseError);
    loaded.dispose();
    loaded.dispose();
    expect(() => loaded.run(machine.createState(8))).toThrow(UseAfterReleaseError);
    const late = other.load(rowRotations(other).program);
    other.dispose();
    expect(() => other.createState(8)).toThrow(UseAfterReleaseError);
    expect(() => other.load(program)).toThrow(UseAfterReleaseError);
    expect(() => late.tables).toThrow(UseAfterReleaseError);
  });

  it('keeps running when programs come and go, in the memory of those before', async () => {
    using machine = await createStateMachine({ element: 'float32' });
    using state = machine.createState(8);
    for (let round = 0; round < 300; round++) {
      const { program, tables } = randomVectorProgram(round, machine.layoutOf(8), machine.shape);
      using loaded = machine.load(program);
      loaded.tables.set(tables);
      const plain = fillRandomly(state, round);
      loaded.run(state);
      if (round % 50 !== 0) continue;
      runVectorProgram(program, loaded.tables, plain);
      expect(largestError(state, plain)).toBeLessThan(1e-5);
    }
  });
});

describe('programs that would read or write memory of others', () => {
  const reference = (change: Partial<TableReference>): TableReference => {
    return { start: 0, indexQubits: [], parity: false, entryLength: 1, ...change };
  };
  const rotation = (table: TableReference, position = 0): RegisterKernel => ({
    blockQubits: [6],
    operations: [
      { kind: 'rotate-rows', axis: position === 1 ? 'x' : 'y', position, table, width: 'splat', signs: 0 },
    ],
  });
  const kernels: readonly (readonly [string, RegisterKernel])[] = [
    ['a table behind the end', rotation(reference({ start: 32 }))],
    ['a table that is not aligned', rotation(reference({ start: 1 }))],
    ['a table before the start', rotation(reference({ start: -16 }))],
    ['more entries than numbers', rotation(reference({ indexQubits: [4, 5, 7], entryLength: 16 }))],
    ['an index of a row', rotation(reference({ indexQubits: [6] }))],
    ['an index of a lane', rotation(reference({ indexQubits: [0] }))],
    ['an index beyond the state', rotation(reference({ indexQubits: [8] }))],
    ['the same index twice', rotation(reference({ indexQubits: [7, 7] }))],
    ['an entry length that is no power of two', rotation(reference({ entryLength: 3 }))],
    ['a row that is not there', rotation(reference({}), 1)],
    ['a block of lanes', { ...rotation(reference({})), blockQubits: [0] }],
    ['a block outside of the tile', { ...rotation(reference({})), blockQubits: [9] }],
    ['a block of too many qubits', { ...rotation(reference({})), blockQubits: [4, 5, 6, 7] }],
    ['a block in another order', { ...rotation(reference({})), blockQubits: [7, 6] }],
  ];

  it.each(kernels)('are refused: %s', async (_what, kernel) => {
    using machine = await createStateMachine({ element: 'float32' });
    const { program } = rowRotations(machine);
    const [sweep] = program.sweeps;
    const wrong = { ...program, sweeps: [{ ...sweep!, kernels: [kernel] }], tableLength: 32 };
    expect(() => machine.load(wrong)).toThrow(InvalidArgumentError);
  });

  it('are refused: tiles and layouts that are not those of the machine', async () => {
    using machine = await createStateMachine({ element: 'float32' });
    const { program } = rowRotations(machine);
    const [sweep] = program.sweeps;
    const tiles = [
      [0, 1, 2, 3, 5],
      [1, 2, 3],
      [0, 1, 2, 3, 8],
      [0, 1, 2, 3, 4, 4],
    ];
    for (const tileQubits of tiles) {
      const wrong = { ...program, sweeps: [{ ...sweep!, tileQubits }] };
      expect(() => machine.load(wrong)).toThrow(InvalidArgumentError);
    }
    expect(() => machine.load({ ...program, sweeps: [{ ...sweep!, kernels: [] }] })).toThrow(
      InvalidArgumentError,
    );
    for (const change of [{ laneQubits: 2 }, { element: 'float64' as const }, { paddingBytes: 64 }]) {
      const wrong = { ...program, layout: { ...program.layout, ...change } };
      expect(() => machine.load(wrong)).toThrow(InvalidArgumentError);
    }
  });
});

describe.skipIf(process.env.QEDGE_FULL !== '1')('states of 512 MiB', () => {
  it('are padded, and rotated on every qubit', async () => {
    using machine = await createStateMachine({ element: 'float32' });
    const layout = machine.layoutOf(26);
    const { laneQubits, blockQubits } = machine.shape;
    const tangent = (qubit: number) => 1 - qubit / 64;
    const tables: number[] = [];
    const rotation = (qubits: readonly number[]): RegisterKernel => ({
      blockQubits: qubits,
      operations: qubits.map((qubit, position) => {
        const table = { start: tables.length, indexQubits: [], parity: false, entryLength: 1 };
        tables.push(tangent(qubit), ...new Array<number>(15).fill(0));
        return { kind: 'rotate-rows', axis: 'y', position, table, width: 'splat', signs: 0 } as const;
      }),
    });
    const range = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => start + i);
    // Tiles in place, then two groups of high qubits through scratch memory.
    const groups = [range(laneQubits, 14), range(14, 20), range(20, 26)];
    const sweeps = groups.map((qubits, index) => {
      const kernels: RegisterKernel[] = [];
      for (let i = 0; i < qubits.length; i += blockQubits)
        kernels.push(rotation(qubits.slice(i, i + blockQubits)));
      const tileQubits = index === 0 ? range(0, 14) : [...range(0, 8), ...qubits];
      return { tileQubits, inPlace: index === 0, kernels };
    });
    using loaded = machine.load({ layout, sweeps, tableLength: tables.length });
    loaded.tables.set(tables);
    using state = machine.createState(26);
    expect(layout.paddingBytes).toBeGreaterThan(0);
    for (const chunk of state.chunks) chunk.fill(0);
    state.chunks[0]![0] = 1;
    loaded.run(state);
    const random = new Random(1);
    const numbers = state.chunks[0]!;
    for (let sample = 0; sample < 20_000; sample++) {
      // No lanes: they are not rotated.
      let [block, expected] = [0, 1];
      for (let qubit = laneQubits; qubit < 26; qubit++) {
        if (sample >= 26 ? random.integer(4) === 0 : qubit !== sample) continue;
        block += 2 ** (qubit - laneQubits);
        expected *= tangent(qubit);
      }
      const plain = block * 2 ** (laneQubits + 1);
      const at = plain + Math.floor(plain / 2 ** 26) * (layout.paddingBytes / 4);
      expect(Math.abs(numbers[at]! / expected - 1)).toBeLessThan(1e-5);
      expect(numbers[at + 2 ** laneQubits]).toBe(0);
    }
  });
});
