import { basename } from 'node:path';
import {
  exactGroundState,
  jordanWigner,
  parseFcidump,
  uccsd,
  type VqeOptimizer,
  type VqeResult,
  vqe,
} from '@qedge/quantum';
import { type Command, Option } from 'commander';
import {
  attachHandler,
  type CommandContext,
  type CommandResult,
  defineCommand,
  integerOption,
  numberOption,
} from '../command.ts';
import { readTextFile } from '../data-input.ts';

interface VqeCommandOptions {
  readonly optimizer: VqeOptimizer;
  readonly gradient: 'shift' | 'adjoint';
  readonly tolerance: number;
  readonly maxIterations: number;
  readonly seed: number;
}

export function vqeCommand(): Command {
  const command = defineCommand(
    'vqe',
    'ground-state energy of molecules by the variational eigensolver',
    'Reads FCIDUMP files, maps each molecule to qubits (Jordan-Wigner), and minimises the energy of a UCCSD circuit. The exact energy of the same Hamiltonian stands beside it.',
  )
    .argument('<fcidump...>', 'FCIDUMP files')
    .addOption(
      new Option('--optimizer <name>')
        .choices(['natural-gradient', 'gradient-descent'])
        .default('natural-gradient'),
    )
    .addOption(
      new Option('--gradient <name>', 'shift: as hardware would; adjoint: faster')
        .choices(['shift', 'adjoint'])
        .default('adjoint'),
    )
    .option(
      '--tolerance <number>',
      'largest gradient component at the end, hartree per radian',
      numberOption(1e-14, 1),
      1e-6,
    )
    .option('--max-iterations <n>', 'give up after so many', integerOption(1), 200)
    .option('--seed <integer>', 'decides random starts', integerOption(0), 0);
  return attachHandler<[string[], VqeCommandOptions]>(
    command,
    async (context, paths, options): Promise<CommandResult> => {
      const points = [];
      for (const [index, path] of paths.entries()) {
        context.onProgress({ phase: 'solving', done: index, total: paths.length, message: basename(path) });
        points.push(await solve(path, options, context));
      }
      const json = { optimizer: options.optimizer, gradient: options.gradient, points };
      return {
        json,
        text: points.map(describe).join('\n'),
        failed: points.some((point) => !point.converged),
      };
    },
  );
}

async function solve(path: string, options: VqeCommandOptions, context: CommandContext) {
  const integrals = parseFcidump(await readTextFile(path));
  const hamiltonian = jordanWigner(integrals);
  const { electrons, orbitals } = integrals;
  const spinZ = integrals.twiceSpinZ / 2;
  const exact = exactGroundState(hamiltonian, { electrons, spinZ });
  try {
    const result: VqeResult = await vqe({
      hamiltonian,
      ansatz: uccsd({ electrons, orbitals, spinZ }),
      optimizer: options.optimizer,
      gradient: options.gradient,
      tolerance: options.tolerance,
      maxIterations: options.maxIterations,
      seed: options.seed,
      exactState: exact.state,
      signal: context.signal,
      onIteration: ({ iteration, energyHartree }) =>
        context.onProgress({
          phase: basename(path),
          done: iteration,
          total: null,
          message: `iteration ${iteration}, ${energyHartree.toFixed(8)} hartree`,
        }),
    });
    return {
      name: basename(path, '.FCIDUMP'),
      qubits: 2 * orbitals,
      energyHartree: result.energyHartree,
      exactHartree: exact.energyHartree,
      errorHartree: result.energyHartree - exact.energyHartree,
      converged: result.converged,
      reason: result.reason,
      iterations: result.iterations,
      evaluations: result.evaluations,
      cacheHits: result.cacheHits,
      varianceHartreeSquared: result.variance,
      fidelity: result.fidelityWithExact,
      parameters: Object.fromEntries(result.parameterNames.map((name, i) => [name, result.parameters[i]])),
    };
  } finally {
    exact.state.dispose();
  }
}

function describe(point: Awaited<ReturnType<typeof solve>>): string {
  const { name, energyHartree, exactHartree, errorHartree, iterations, reason } = point;
  return `${name}: ${energyHartree.toFixed(10)} hartree (exact ${exactHartree.toFixed(10)}, off by ${errorHartree.toExponential(1)}) after ${iterations} iterations, ${reason}`;
}
