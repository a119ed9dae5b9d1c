import {
  chooseKernelHost,
  type KernelHostCandidate,
  type KernelHostChoice,
  type KernelHostOptions,
} from '../host/kernel-host-choice.ts';
import { PORTABLE_CANDIDATES, sharingFallbacks } from '../host/portable-hosts.ts';
import { createMachineCodeHost } from './machine-code-host.ts';

const MACHINE_CODE_CANDIDATES = (['avx512', 'avx2'] as const).map(
  (isa): KernelHostCandidate => ({
    isa,
    strict: true,
    automatic: true,
    create: ({ strict }) => createMachineCodeHost({ isa, strict }),
  }),
);

/**
 * The fastest host that Node has here: machine code for AVX-512 or AVX2, else WebAssembly, else the interpreter; with the reason for
 * each that was passed over.
 *
 * The environment decides where options do not: `QEDGE_NATIVE=0` forbids machine code; `QEDGE_ISA` names the way of execution, as
 * the option `isa` does.
 *
 * @example
 * const { host, fallbacks } = createKernelHost();
 * for (const { from, to, why } of fallbacks) console.warn(`${to} instead of ${from}: ${why}`);
 * @throws CapabilityUnavailableError when what `isa` or `QEDGE_ISA` names is not there; InvalidArgumentError for unknown values, and
 *   for `strict` with a way that cannot be.
 */
export function createKernelHost(options: KernelHostOptions = {}): KernelHostChoice {
  const choice = chooseKernelHost([...MACHINE_CODE_CANDIDATES, ...PORTABLE_CANDIDATES], options);
  const { host, fallbacks } = choice;
  const isMachineCode = MACHINE_CODE_CANDIDATES.some(({ isa }) => isa === host.isa);
  return isMachineCode ? choice : { host, fallbacks: [...fallbacks, ...sharingFallbacks(choice, options)] };
}
