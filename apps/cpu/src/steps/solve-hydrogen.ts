import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { VerificationError } from '@qedge/core';
import type { QuantumProfiler } from '@qedge/monitor';
import {
  type Circuit,
  drawCircuit,
  estimateResources,
  exactGroundState,
  exactGroundStateEnergy,
  hardwareEfficientAnsatz,
  heavyHexTarget,
  jordanWigner,
  parseFcidump,
  type Target,
  transpile,
  uccsd,
  type VqeResult,
  verifyEquivalence,
  vqe,
} from '@qedge/quantum';
import type { Job } from '../job.ts';
import type { Report } from '../report/schema.ts';

type QuantumReport = Report['quantum'];
type Point = QuantumReport['points'][number];

const OPTIMIZERS = {
  'natural gradient': 'natural-gradient',
  'gradient descent': 'gradient-descent',
} as const;
/** UCCSD needs two or three iterations here; convergence is drawn for a circuit that knows nothing of chemistry. */
const DRAWN_MOLECULE = 'H2_0.7414';
const DRAWN_ANSATZ = { qubits: 4, layers: 2, rotations: ['ry', 'rz'] } as const;
const DRAWN_ITERATIONS = 80;
const TOLERANCE_HARTREE_PER_RADIAN = 1e-7;

/** What the metadata beside an FCIDUMP file tells. */
interface MoleculeMetadata {
  readonly name: string;
  readonly molecule: string;
  readonly basis: string;
  readonly bond_length_angstrom: number;
  readonly hf_energy: number;
  readonly fci_energy: number;
}

/** The ground state of H2 at every bond length, by two optimisers, and the circuit compiled for a heavy-hex device. */
export async function solveHydrogen(job: Job, profiler: QuantumProfiler): Promise<QuantumReport> {
  const folder = dirname(createRequire(import.meta.url).resolve('@qedge/quantum/data/h2/H2_0.7414.FCIDUMP'));
  const files = (await readdir(folder)).filter((name) => name.endsWith('.FCIDUMP')).sort();
  const points: Point[] = [];
  let convergence: QuantumReport['convergence'] = {};
  let solved: { compiled: QuantumReport['compiled']; metadata: MoleculeMetadata } | null = null;
  for (const [index, file] of files.entries()) {
    job.progress({ phase: 'solving H2', done: index, total: files.length, message: file });
    const path = join(folder, file);
    const metadata = JSON.parse(
      await readFile(path.replace('.FCIDUMP', '.json'), 'utf8'),
    ) as MoleculeMetadata;
    const fcidump = await readFile(path, 'utf8');
    const { point, circuit } = await job.tracer.span(`solve ${metadata.name}`, () =>
      solvePoint(job, fcidump, metadata),
    );
    points.push(point);
    if (metadata.name === DRAWN_MOLECULE)
      convergence = await job.tracer.span('compare optimisers', () => compareOptimizers(job, fcidump));
    const compiled = await job.tracer.span('compile', () => compileCircuit(circuit, job));
    profiler.recordRun(point.name, {
      fidelity: point.fidelity,
      depth: compiled.after.depth,
      twoQubitGateCount: compiled.after.twoQubitGates,
      // Every gate of the basis has an assumed duration, so there is always a time.
      estimatedTimeMs: compiled.after.estimatedMicroseconds! / 1000,
    });
    solved = { compiled, metadata };
  }
  const { metadata, compiled } = solved!;
  return {
    molecule: metadata.molecule,
    basis: metadata.basis.toUpperCase(),
    points,
    convergence,
    convergenceNote: CONVERGENCE_NOTE,
    compiled,
  };
}

async function solvePoint(
  job: Job,
  fcidump: string,
  metadata: MoleculeMetadata,
): Promise<{ point: Point; circuit: Circuit }> {
  const integrals = parseFcidump(fcidump);
  const hamiltonian = jordanWigner(integrals);
  const { electrons, orbitals } = integrals;
  const exact = exactGroundState(hamiltonian, { electrons, spinZ: 0 });
  try {
    const ansatz = uccsd({ electrons, orbitals });
    const results = new Map<string, VqeResult>();
    for (const [name, optimizer] of Object.entries(OPTIMIZERS)) {
      const result = await vqe({
        hamiltonian,
        ansatz,
        optimizer,
        gradient: 'shift',
        tolerance: TOLERANCE_HARTREE_PER_RADIAN,
        seed: job.seed,
        exactState: exact.state,
        signal: job.signal,
      });
      results.set(name, result);
    }
    const best = [...results.values()].reduce((a, b) => (b.energyHartree < a.energyHartree ? b : a));
    const byOptimizer = <T>(value: (result: VqeResult) => T) =>
      Object.fromEntries([...results].map(([name, result]) => [name, value(result)]));
    const point: Point = {
      name: metadata.name,
      bondLengthAngstrom: metadata.bond_length_angstrom,
      energyHartree: best.energyHartree,
      exactHartree: exact.energyHartree,
      referenceHartree: metadata.fci_energy,
      hartreeFockHartree: metadata.hf_energy,
      errorHartree: best.energyHartree - exact.energyHartree,
      fidelity: best.fidelityWithExact === null ? null : Math.min(1, best.fidelityWithExact),
      iterations: byOptimizer((result) => result.iterations),
      errorByOptimizer: byOptimizer((result) => result.energyHartree - exact.energyHartree),
      evaluations: [...results.values()].reduce((sum, result) => sum + result.evaluations, 0),
    };
    const binding = Object.fromEntries(best.parameterNames.map((name, i) => [name, best.parameters[i]!]));
    return { point, circuit: ansatz.circuit.bind(binding) };
  } finally {
    exact.state.dispose();
  }
}

const CONVERGENCE_NOTE = `${DRAWN_MOLECULE} with a hardware-efficient circuit (${DRAWN_ANSATZ.layers} layers of Ry and Rz) from one random start: natural gradient against gradient descent, both with the parameter-shift rule. UCCSD, used for the curve above, needs a few iterations with either.`;

/** Energy error per iteration of both optimisers on a circuit without chemical knowledge, from the same random start. */
async function compareOptimizers(job: Job, fcidump: string): Promise<Record<string, number[]>> {
  const integrals = parseFcidump(fcidump);
  const hamiltonian = jordanWigner(integrals);
  const exactHartree = exactGroundStateEnergy(hamiltonian, { electrons: integrals.electrons, spinZ: 0 });
  const ansatz = hardwareEfficientAnsatz(DRAWN_ANSATZ);
  const errors: Record<string, number[]> = {};
  for (const [name, optimizer] of Object.entries(OPTIMIZERS)) {
    const { history } = await vqe({
      hamiltonian,
      ansatz,
      optimizer,
      gradient: 'shift',
      maxIterations: DRAWN_ITERATIONS,
      seed: job.seed,
      signal: job.signal,
    });
    errors[name] = history.map((step) => step.energyHartree - exactHartree);
  }
  return errors;
}

/** Durations of the order that IBM published for its 27-qubit Falcon processors: assumed, not read from a device. */
const ASSUMED_DURATIONS: NonNullable<Target['instructionProperties']> = [
  { instruction: 'rz', durationSeconds: 0 },
  { instruction: 'sx', durationSeconds: 35.6e-9 },
  { instruction: 'x', durationSeconds: 35.6e-9 },
  { instruction: 'cx', durationSeconds: 300e-9 },
];

async function compileCircuit(circuit: Circuit, job: Job): Promise<QuantumReport['compiled']> {
  const target: Target = { ...heavyHexTarget(27), instructionProperties: ASSUMED_DURATIONS };
  const result = await transpile(circuit, target, { seed: job.seed, level: 2, signal: job.signal });
  const verification = await verifyEquivalence(circuit, result, { target });
  if (verification.equivalent !== true) {
    throw new VerificationError('The compiled circuit does something else than the original', {
      expected: 'equal states',
      actual: verification.reason,
    });
  }
  return {
    target: target.name,
    verified: verification.equivalent,
    before: resourcesOf(circuit, target),
    after: resourcesOf(result.circuit, target),
    passes: result.passes.map(({ name, durationMs, gatesBefore, gatesAfter }) => ({
      name,
      durationMs,
      gatesBefore,
      gatesAfter,
    })),
    drawing: drawCircuit(circuit),
  };
}

function resourcesOf(circuit: Circuit, target: Target): QuantumReport['compiled']['before'] {
  const estimate = estimateResources(circuit, target);
  const time = estimate.estimatedTimeSeconds;
  const twoQubitGates = circuit.instructions.filter(
    ({ kind, qubits }) => kind === 'gate' && qubits.length === 2,
  );
  return {
    width: estimate.qubitsUsed,
    depth: estimate.depth,
    twoQubitDepth: estimate.twoQubitDepth,
    twoQubitGates: twoQubitGates.length,
    gateCounts: { ...estimate.gateCounts },
    estimatedMicroseconds: time === null ? null : time.criticalPath * 1e6,
    estimatedTimeUnavailable: estimate.timeUnavailableReason,
  };
}
