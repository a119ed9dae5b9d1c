/// <reference lib="webworker" />
import {
  allToAllTarget,
  type Circuit,
  circuitToSvg,
  formatOpenQasm3,
  type GateName,
  gridTarget,
  heavyHexTarget,
  lineTarget,
  parseOpenQasm,
  type Target,
  transpile,
  verifyEquivalence,
} from '@qedge/quantum';
import type { CircuitSize, CompileAnswer, CompileJob } from './compile-job.ts';

const scope = self as unknown as DedicatedWorkerGlobalScope;
const answer = (message: CompileAnswer) => scope.postMessage(message);
/** More cannot be read on a page. */
const MAX_DRAWN_INSTRUCTIONS = 400;

scope.addEventListener('message', ({ data }: MessageEvent<CompileJob>) => {
  compile(data).catch((error: Error) => answer({ kind: 'problem', message: error.message }));
});

async function compile(job: CompileJob): Promise<void> {
  const circuit = parseOpenQasm(job.source);
  const target = findTarget(job, circuit.qubitCount);
  const startMs = performance.now();
  const result = await transpile(circuit, target, {
    level: job.level,
    seed: job.seed,
    onPass: ({ name }) => answer({ kind: 'pass', name }),
  });
  const milliseconds = performance.now() - startMs;
  const drawable = result.circuit.instructionCount <= MAX_DRAWN_INSTRUCTIONS;
  answer({
    kind: 'result',
    before: measure(circuit),
    after: measure(result.circuit),
    verified: await verify(circuit, result, target),
    milliseconds,
    text: formatOpenQasm3(result.circuit),
    svg: drawable ? circuitToSvg(result.circuit, { title: 'The compiled circuit' }) : null,
  });
}

function findTarget({ couplings, basis }: CompileJob, qubitCount: number): Target {
  const basisGates = basis.split(',') as GateName[];
  switch (couplings) {
    case 'line':
      return lineTarget(Math.max(2, qubitCount), basisGates);
    case 'grid':
      return gridTarget(5, 5, basisGates);
    case 'heavy-hex':
      return heavyHexTarget(27, basisGates);
    case 'all':
      return allToAllTarget(Math.max(2, qubitCount), basisGates);
  }
}

function measure(circuit: Circuit): CircuitSize {
  const { gates, twoQubitGates } = circuit.instructions.reduce(
    (sum, { kind, qubits }) => {
      const isGate = kind === 'gate' || kind === 'unitary' || kind === 'controlled';
      return {
        gates: sum.gates + (isGate ? 1 : 0),
        twoQubitGates: sum.twoQubitGates + (isGate && qubits.length > 1 ? 1 : 0),
      };
    },
    { gates: 0, twoQubitGates: 0 },
  );
  return { gates, twoQubitGates, depth: circuit.depth() };
}

/** What the equivalence check says, in words. */
async function verify(
  circuit: Circuit,
  result: Awaited<ReturnType<typeof transpile>>,
  target: Target,
): Promise<string> {
  try {
    const report = await verifyEquivalence(circuit, result, { target });
    if (report.equivalent === null) return `not checked: ${report.reason}`;
    return report.equivalent ? `equal (${report.method})` : 'DIFFERENT: please report this circuit';
  } catch (error) {
    return `not checked: ${(error as Error).message}`;
  }
}
