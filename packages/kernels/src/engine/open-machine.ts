import type { Isa, KernelHost, KernelHostChoice, KernelHostOptions, ThreadTeam } from '@qedge/codegen';
import type { Fallback } from '@qedge/core';
import { requireSize } from './operands.ts';

/** What executes kernels. */
export interface Machine {
  readonly host: KernelHost;
  /** Null for one thread. */
  readonly team: ThreadTeam | null;
  readonly fallbacks: readonly Fallback[];
}

/** What was asked for. */
export interface MachineOptions {
  readonly isa?: Isa;
  readonly strict?: boolean;
  readonly threads?: number;
}

/** What an entry of this package can offer. */
export interface MachineKit {
  createHost(options: KernelHostOptions): KernelHostChoice;
  createTeam(size: number): Promise<ThreadTeam>;
}

/**
 * Opens the fastest host within the request, and threads.
 *
 * @throws CapabilityUnavailableError when what `isa` or `QEDGE_ISA` names is not there, InvalidArgumentError for impossible options.
 */
export async function openMachine(kit: MachineKit, options: MachineOptions): Promise<Machine> {
  const { threads = 1 } = options;
  requireSize('threads', threads, 1);
  const { host, fallbacks } = kit.createHost({ ...options, shared: threads > 1 });
  if (threads === 1) return { host, team: null, fallbacks };
  const alone = (why: string): Machine => {
    return {
      host,
      team: null,
      fallbacks: [...fallbacks, { from: `${threads} threads`, to: 'one thread', why }],
    };
  };
  if (!sharesMemory(host)) return alone('threads need shared memory, which this host does not have');
  try {
    const team = await kit.createTeam(threads);
    if (team.reason === null) return { host, team, fallbacks };
    return alone(team.reason);
  } catch (error) {
    host.dispose();
    throw error;
  }
}

function sharesMemory(host: KernelHost): boolean {
  return !(host.createMemory(64).buffer instanceof ArrayBuffer);
}
