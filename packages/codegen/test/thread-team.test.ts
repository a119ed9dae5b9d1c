import type { Worker } from 'node:worker_threads';
import { InvalidArgumentError, UseAfterReleaseError } from '@qedge/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createInterpreterHost,
  createWasmHost,
  type KernelHost,
  type LoadedKernel,
  PEAK_ARGUMENTS,
  peakOperations,
  setArgument,
  ThreadLostError,
  type ThreadTeam,
} from '../src/index.ts';
import { createMachineCodeHost, createNodeTeam } from '../src/node.ts';
import { BundledProject, nodeExecutables } from './bundled-project.ts';
import { missingMachineCode } from './host-features.ts';

const missing = missingMachineCode();
if (missing) console.warn(`SKIPPED: teams on machine code. ${missing}`);

const HOSTS: readonly [string, () => KernelHost][] = [
  ...(missing ? [] : [['machine code', () => createMachineCodeHost()] as [string, () => KernelHost]]),
  ['WebAssembly', () => createWasmHost({ isa: 'wasm-strict', shared: true })],
];

/** Writes a constant times `a * b`, lane by lane. */
const DESCRIPTION = { kind: 'peak', operation: 'fma', turns: 5 } as const;

/** One argument block, two operands and a result per thread, each on its own cache lines. */
function createCounters(host: KernelHost, count: number) {
  const STRIDE = 512;
  const memory = host.createMemory(count * STRIDE);
  const [kernel] = host.load([DESCRIPTION], memory) as readonly LoadedKernel[];
  const view = new DataView(memory.buffer);
  const at = (index: number, place: number) => index * STRIDE + place;
  const floats = (index: number, place: number) =>
    new Float32Array(memory.buffer, memory.byteOffset + at(index, place), host.traits.lanes);
  const places = { a: 64, b: 192, result: 320 } as const;
  for (let index = 0; index < count; index++) {
    for (const [name, argument] of Object.entries(PEAK_ARGUMENTS)) {
      const place = places[name as keyof typeof places];
      setArgument(view, memory.byteOffset + at(index, 0), argument, memory.address + at(index, place));
    }
  }
  const products = peakOperations(DESCRIPTION, host.traits) / 2 / host.traits.lanes;
  return {
    kernel: kernel!,
    part: (index: number) => ({ kernel: kernel!, block: memory.address + at(index, 0) }),
    a: (index: number) => floats(index, places.a),
    b: (index: number) => floats(index, places.b),
    result: (index: number) => floats(index, places.result),
    /** What a result must be. */
    expected: (a: number, b: number) => a * b * products,
    /** Lets part `to` read as its first operand what part `from` writes. */
    chain(from: number, to: number) {
      setArgument(
        view,
        memory.byteOffset + at(to, 0),
        PEAK_ARGUMENTS.a,
        memory.address + at(from, places.result),
      );
    },
  };
}

describe.each(HOSTS)('a team on %s', (_, createHost) => {
  const host = createHost();
  const teams: ThreadTeam[] = [];
  const createTeam = async (size: number) => {
    const team = await createNodeTeam(size);
    teams.push(team);
    return team;
  };
  afterEach(() => {
    for (const team of teams.splice(0)) team.dispose();
  });
  afterAll(() => host.dispose());

  it.each([1, 2, 3, 4])('of %i threads does every part of many runs', async (size) => {
    const team = await createTeam(size);
    expect({ size: team.size, reason: team.reason }).toEqual({ size, reason: null });
    if (size > 1) expect(team.handoffMicroseconds).toBeGreaterThan(0);
    else expect(team.handoffMicroseconds).toBe(0);
    const counters = createCounters(host, size);
    const run = team.prepare(Array.from({ length: size }, (_, index) => counters.part(index)));
    for (let round = 1; round <= 1000; round++) {
      for (let index = 0; index < size; index++) {
        counters.a(index).fill(round % 97);
        counters.b(index).fill(index + 1);
        counters.result(index).fill(-1);
      }
      run();
      for (let index = 0; index < size; index++) {
        const wrong = counters.result(index).find((got) => got !== counters.expected(round % 97, index + 1));
        if (wrong !== undefined) expect.fail(`round ${round}, part ${index}: ${wrong}`);
      }
    }
  });

  it('begins each step when all parts of the one before are done', async () => {
    const team = await createTeam(3);
    // Part i of step s reads what part (i + 1) mod 3 of step s - 1 wrote.
    const steps = 6;
    const counters = createCounters(host, 3 * steps);
    for (let step = 0; step < steps; step++) {
      for (let index = 0; index < 3; index++) {
        counters.b(3 * step + index).fill(1 / counters.expected(1, 1));
        if (step > 0) counters.chain(3 * (step - 1) + ((index + 1) % 3), 3 * step + index);
      }
    }
    const run = team.prepareSteps(
      Array.from({ length: steps }, (_, step) => [0, 1, 2].map((index) => counters.part(3 * step + index))),
    );
    for (let round = 1; round <= 500; round++) {
      for (let index = 0; index < 3; index++) counters.a(index).fill(round + index);
      run();
      for (let index = 0; index < 3; index++) {
        const got = counters.result(3 * (steps - 1) + index)[0]!;
        // Up to 16 rounded additions and one rounded product in each step, relative error 2^-24 each, on either multiply-add.
        const expected = round + ((index + steps - 1) % 3);
        expect(Math.abs(got / expected - 1)).toBeLessThan(steps * 128 * 2 ** -24);
      }
    }
  });

  it('runs plans of different widths and steps without parts in any order', async () => {
    const team = await createTeam(3);
    const counters = createCounters(host, 3);
    const { part } = counters;
    const plans = [
      { run: team.prepare([part(0), part(1), part(2)]), does: [0, 1, 2] },
      { run: team.prepare([part(1)]), does: [1] },
      { run: team.prepare([part(2), part(0)]), does: [0, 2] },
      { run: team.prepareSteps([[part(0)], [part(1), part(2)], []]), does: [0, 1, 2] },
      { run: team.prepareSteps([]), does: [] },
    ];
    for (let round = 1; round <= 500; round++) {
      const { run, does } = plans[(round * 7) % plans.length]!;
      for (const index of [0, 1, 2]) {
        counters.a(index).fill(round % 89);
        counters.b(index).fill(1);
        counters.result(index).fill(-1);
      }
      run();
      const done = [0, 1, 2].filter(
        (index) => counters.result(index)[0] === counters.expected(round % 89, 1),
      );
      expect(done).toEqual(does);
    }
  });

  it('works beside another team', async () => {
    const [one, two] = [await createTeam(2), await createTeam(2)];
    const counters = createCounters(host, 4);
    const runs = [
      one.prepare([counters.part(0), counters.part(1)]),
      two.prepare([counters.part(2), counters.part(3)]),
    ];
    for (let round = 1; round <= 150; round++) {
      for (let index = 0; index < 4; index++) {
        counters.a(index).fill(round % 83);
        counters.b(index).fill(index + 1);
      }
      for (const run of runs) run();
      for (let index = 0; index < 4; index++) {
        expect(counters.result(index)[0]).toBe(counters.expected(round % 83, index + 1));
      }
    }
  });

  it('wakes threads that sleep', async () => {
    const team = await createTeam(2);
    const counters = createCounters(host, 2);
    const run = team.prepare([counters.part(0), counters.part(1)]);
    for (let round = 1; round <= 20; round++) {
      for (const index of [0, 1]) {
        counters.a(index).fill(round);
        counters.b(index).fill(1);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
      run();
      expect(counters.result(1)[0]).toBe(counters.expected(round, 1));
    }
  });

  it('does nothing after dispose()', async () => {
    const team = await createTeam(2);
    const counters = createCounters(host, 2);
    const run = team.prepare([counters.part(0), counters.part(1)]);
    team.dispose();
    team.dispose();
    expect(run).toThrow(UseAfterReleaseError);
    expect(() => team.prepare([])).toThrow(UseAfterReleaseError);
  });

  it('refuses what it cannot do', async () => {
    const team = await createTeam(2);
    const { part, kernel } = createCounters(host, 3);
    expect(() => team.prepare([part(0), part(1), part(2)])).toThrow(InvalidArgumentError);
    expect(() => team.prepare([{ kernel, block: Number.NaN }])).toThrow(InvalidArgumentError);
    const interpreter = createInterpreterHost();
    const alone = createCounters(interpreter, 2);
    expect(() => team.prepare([alone.part(0), alone.part(1)])).toThrow(/cannot run on another thread/);
    expect(() => team.prepare([alone.part(0)])()).not.toThrow();
  });
});

it.each([0, -1, 1.5, Number.NaN, 2000])('a team of %s threads is refused', async (size) => {
  await expect(createNodeTeam(size)).rejects.toThrow(InvalidArgumentError);
});

it.each([-1, Number.NaN, 2e6])('threads that would spin for %s microseconds are refused', async (time) => {
  await expect(createNodeTeam(2, { spinMicroseconds: time })).rejects.toThrow(InvalidArgumentError);
});

describe('a team that loses a thread', () => {
  /** A team with its workers, as Node announces them. */
  const createTeamWithWorkers = async (size: number) => {
    const workers: Worker[] = [];
    const collect = (worker: Worker) => workers.push(worker);
    process.on('worker', collect);
    const team = await createNodeTeam(size);
    process.off('worker', collect);
    expect(workers).toHaveLength(size - 1);
    return { team, workers };
  };
  const host = createWasmHost({ isa: 'wasm-strict', shared: true });

  it('refuses work once a worker has ended between runs', async () => {
    const { team, workers } = await createTeamWithWorkers(3);
    const { part } = createCounters(host, 3);
    const run = team.prepare([part(0), part(1), part(2)]);
    run();
    await workers[1]!.terminate();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(run).toThrow(ThreadLostError);
    expect(run).toThrow(/Thread 2 of a team of 3 is lost: it ended with exit code 1.*create another one/);
    expect(() => team.prepare([part(0)])).toThrow(ThreadLostError);
    team.dispose();
  });

  it.skipIf(process.platform !== 'linux')(
    'notices while it waits that a worker has ended without a word',
    async () => {
      const { team, workers } = await createTeamWithWorkers(2);
      const { part } = createCounters(host, 2);
      const run = team.prepare([part(0), part(1)]);
      run();
      // No event can be heard before the run, which begins in the same turn of the event loop.
      void workers[0]!.terminate();
      const start = performance.now();
      while (performance.now() - start < 300);
      expect(run).toThrow(/Thread 1 of a team of 2 is lost: it has ended/);
      expect(performance.now() - start).toBeLessThan(5000);
      expect(run).toThrow(ThreadLostError);
      team.dispose();
    },
  );

  it.each(['at once', 'later'])('reports code that a worker cannot load (run %s)', async (when) => {
    const { team } = await createTeamWithWorkers(2);
    const { part, kernel } = createCounters(host, 2);
    const portable = { kind: 'wasm', module: {}, memory: {}, name: 'nothing' } as const;
    const run = team.prepare([part(0), { ...part(1), kernel: { ...kernel, portable } }]);
    if (when === 'later') await new Promise((resolve) => setTimeout(resolve, 50));
    const start = performance.now();
    expect(run).toThrow(/Thread 1 of a team of 2 is lost: .*WebAssembly/);
    expect(performance.now() - start).toBeLessThan(5000);
    team.dispose();
  });

  it('wakes a sleeping worker for what it is sent, although it takes part in no run', async () => {
    const { team, workers } = await createTeamWithWorkers(3);
    const { part, kernel } = createCounters(host, 3);
    const ended = new Promise((resolve) => workers[1]!.once('exit', resolve));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const portable = { kind: 'wasm', module: {}, memory: {}, name: 'nothing' } as const;
    team.prepare([part(0), part(1), { ...part(2), kernel: { ...kernel, portable } }]);
    await ended;
    expect(() => team.prepare([part(0)])).toThrow(/Thread 2 of a team of 3 is lost: .*WebAssembly/);
    team.dispose();
  });

  it('goes on after code that cannot be sent', async () => {
    const { team } = await createTeamWithWorkers(2);
    const { part, kernel } = createCounters(host, 2);
    const portable = { kind: 'wasm', module: () => {}, memory: {}, name: 'nothing' } as const;
    expect(() => team.prepare([part(0), { ...part(1), kernel: { ...kernel, portable } }])).toThrow(/clone/);
    const run = team.prepare([part(0), part(1)]);
    for (let round = 0; round < 100; round++) run();
    team.dispose();
  });

  it.each([0, 1])(
    'reports a kernel that traps on thread %i, and frees the threads that wait',
    async (trapping) => {
      const { team } = await createTeamWithWorkers(3);
      const { part, kernel } = createCounters(host, 3);
      const beyond = { kernel, block: 2 ** 31 };
      const first = [0, 1, 2].map((index) => (index === trapping ? beyond : part(index)));
      const run = team.prepareSteps([first, [part(0), part(1), part(2)]]);
      expect(run).toThrow(ThreadLostError);
      expect(run).toThrow(new RegExp(`Thread ${trapping} of a team of 3 is lost: .*out of bounds`));
      team.dispose();
    },
  );
});

describe.each(nodeExecutables())('in a process of its own (%s)', (node) => {
  const project = new BundledProject();
  beforeAll(() => project.build({ index: 'src/index.ts', node: 'src/node.ts' }));
  afterAll(() => project.remove());

  const program = (rest: string, isa = missing ? 'wasm-strict' : 'avx2') => `
    import { PEAK_ARGUMENTS, setArgument } from './index.mjs';
    import { createKernelHost, createNodeTeam } from './node.mjs';
    const { host } = createKernelHost({ isa: '${isa}', shared: true });
    const memory = host.createMemory(4096);
    const [kernel] = host.load([{ kind: 'peak', operation: 'fma', turns: 1 }], memory);
    const view = new DataView(memory.buffer);
    for (const thread of [0, 1])
      for (const [name, index] of Object.entries(PEAK_ARGUMENTS))
        setArgument(view, memory.byteOffset + 64 * thread, index, memory.address + 1024 * (1 + thread) + 128 * index);
    const team = await createNodeTeam(2);
    const parts = [0, 1].map((thread) => ({ kernel, block: memory.address + 64 * thread }));
    const run = team.prepare(parts);
    ${rest}`;

  it.each(['wasm-strict', ...(missing ? [] : ['avx2'])])(
    'a team with %s does not keep the process alive',
    async (isa) => {
      const { output, complaints, exitCode, signal } = await project.run(
        program(`for (let i = 0; i < 100; i++) run(); console.log(team.size, team.reason);`, isa),
        { node },
      );
      expect({ output, exitCode, signal }, complaints).toEqual({
        output: '2 null\n',
        exitCode: 0,
        signal: null,
      });
    },
  );

  it('a process may end by itself while a team lives, and a team is not needed to live', async () => {
    const { output, complaints, exitCode } = await project.run(
      program(`run(); console.log('ran'); setTimeout(() => process.exit(7), 20);`),
      { node },
    );
    expect({ output, exitCode }, complaints).toEqual({ output: 'ran\n', exitCode: 7 });
  });

  it('plans that nobody can run any more are forgotten, and the rest goes on', async () => {
    const { output, complaints, exitCode } = await project.run(
      program(`
        for (let round = 0; round < 200; round++) {
          team.prepare(parts)();
          if (round % 20 === 0) { gc(); await new Promise((resolve) => setTimeout(resolve, 2)); }
          run();
        }
        console.log('done');`),
      { node, flags: ['--expose-gc'] },
    );
    expect({ output, exitCode }, complaints).toEqual({ output: 'done\n', exitCode: 0 });
  });

  it('a prepared run allocates nothing', async () => {
    const { output, complaints, exitCode } = await project.run(
      program(`
        for (let i = 0; i < 20000; i++) run();
        gc();
        const bytes = [];
        while (bytes.length < 10) {
          const before = process.memoryUsage().heapUsed;
          for (let i = 0; i < 5000; i++) run();
          bytes.push((process.memoryUsage().heapUsed - before) / 5000);
        }
        console.log(Math.min(...bytes.filter((value) => value >= 0)));`),
      { node, flags: ['--expose-gc'] },
    );
    expect(exitCode, complaints).toBe(0);
    // While it waits it reads the clock, a number of 16 bytes each time; a closure with its context, or an array, would be more.
    expect(Number(output)).toBeLessThan(40);
  });

  it('where threads are forbidden the team has one, and says why', async () => {
    const is20 = node === process.execPath && process.versions.node.startsWith('20.');
    const { output, complaints } = await project.run(
      `import { createNodeTeam } from './node.mjs';
       const team = await createNodeTeam(4);
       console.log(team.size, team.reason);`,
      { node, flags: [is20 ? '--experimental-permission' : '--permission', '--allow-fs-read=*'] },
    );
    expect(output, complaints).toMatch(/^1 threads cannot be started: .*(permission|restricted|access)/i);
  });
});
