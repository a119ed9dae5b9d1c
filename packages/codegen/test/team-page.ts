import {
  createBrowserTeam,
  createKernelHost,
  type KernelHost,
  PEAK_ARGUMENTS,
  peakOperations,
  setArgument,
  type ThreadTeam,
} from '../src/index.ts';

/** What one test of a team found. */
export interface TeamReport {
  readonly isolated: boolean;
  readonly isa: string;
  readonly fallbacks: readonly { readonly from: string; readonly why: string }[];
  readonly threads: number;
  readonly reason: string | null;
  readonly handoffMicroseconds: number;
  /** Results that were not what they must be. */
  readonly wrong: number;
  /** What two runs threw after a kernel has trapped. */
  readonly lost: readonly string[];
  /** The code of the error of a run after `dispose`. */
  readonly disposed: string;
}

const DESCRIPTION = { kind: 'peak', operation: 'fma', turns: 5 } as const;
const STRIDE = 512;
const PLACES = { a: 64, b: 192, result: 320 } as const;
const BEYOND_MEMORY = 2 ** 30;
/** Often enough for the threads to fall asleep sometimes. */
const ROUNDS_PER_PAUSE = 100;

/** Parts that write `a * b` times a constant; every result of every run is checked. */
async function runTeam(size: number, rounds: number): Promise<TeamReport> {
  const { host, fallbacks } = createKernelHost({ strict: true, shared: true });
  const team = await createBrowserTeam(size);
  const { parts, floats } = createParts(host, team.size);
  const run = team.prepareSteps([parts, parts]);
  const products = peakOperations(DESCRIPTION, host.traits) / 2 / host.traits.lanes;
  let wrong = 0;
  for (let round = 1; round <= rounds; round++) {
    for (let index = 0; index < team.size; index++) {
      floats(index, 'a').fill(round % 97);
      floats(index, 'b').fill(index + 1);
      floats(index, 'result').fill(-1);
    }
    run();
    for (let index = 0; index < team.size; index++) {
      if (floats(index, 'result')[0] !== (round % 97) * (index + 1) * products) wrong += 1;
    }
    if (round % ROUNDS_PER_PAUSE === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const lost = team.size > 1 ? trap(team, parts) : [];
  team.dispose();
  const { size: threads, reason, handoffMicroseconds } = team;
  const isolated = (globalThis as { readonly crossOriginIsolated?: boolean }).crossOriginIsolated ?? false;
  const disposed = errorOf(run).code;
  return { isolated, isa: host.isa, fallbacks, threads, reason, handoffMicroseconds, wrong, lost, disposed };
}

function createParts(host: KernelHost, count: number) {
  const memory = host.createMemory(count * STRIDE);
  const [kernel] = host.load([DESCRIPTION], memory);
  const view = new DataView(memory.buffer);
  const names = Object.keys(PLACES) as (keyof typeof PLACES)[];
  const parts = Array.from({ length: count }, (_, index) => {
    const at = index * STRIDE;
    for (const name of names) {
      setArgument(view, memory.byteOffset + at, PEAK_ARGUMENTS[name], memory.address + at + PLACES[name]);
    }
    return { kernel: kernel!, block: memory.address + at };
  });
  const floats = (index: number, name: keyof typeof PLACES) =>
    new Float32Array(memory.buffer, memory.byteOffset + index * STRIDE + PLACES[name], host.traits.lanes);
  return { parts, floats };
}

function trap(team: ThreadTeam, parts: ReturnType<typeof createParts>['parts']): string[] {
  const run = team.prepare(
    parts.map((part, index) => (index === 1 ? { ...part, block: BEYOND_MEMORY } : part)),
  );
  return [run, run].map((attempt) => {
    const { code, message } = errorOf(attempt);
    return `${code} ${message}`;
  });
}

function errorOf(run: () => void): { readonly code: string; readonly message: string } {
  try {
    run();
  } catch (error) {
    return error as { code: string; message: string };
  }
  return { code: 'none', message: 'nothing was thrown' };
}

interface Scope {
  document?: unknown;
  ready?: boolean;
  inPage?: typeof runTeam;
  inWorker?: typeof runTeam;
  onmessage?: (event: { readonly data: readonly [number, number] }) => void;
  postMessage?: (report: TeamReport) => void;
  Worker?: new (
    url: string,
    options: { readonly type: 'module' },
  ) => {
    onmessage: (event: { readonly data: TeamReport }) => void;
    onerror: (event: { readonly message: string }) => void;
    postMessage(message: unknown): void;
  };
}
const scope = globalThis as Scope;

// The module runs in the page and, loaded by it, in a worker, which may sleep where the page may not.
if (scope.document === undefined) {
  scope.onmessage = async ({ data }) => scope.postMessage!(await runTeam(...data));
} else {
  scope.inPage = runTeam;
  scope.inWorker = (...options) =>
    new Promise((resolve, reject) => {
      const worker = new scope.Worker!('/page.js', { type: 'module' });
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(options);
    });
  scope.ready = true;
}
