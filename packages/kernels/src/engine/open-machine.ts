import type { Isa, KernelHost, ThreadTeam } from '@qedge/codegen';
import { createKernelHost, createNodeTeam } from '@qedge/codegen/node';
import type { Fallback } from '@qedge/core';
import { requireSize } from './operands.ts';

/** What executes kernels in Node. */
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

/**
 * Opens the fastest host within the request, and threads.
 *
 * @throws CapabilityUnavailableError when what `isa` or `QEDGE_ISA` names is not there, InvalidArgumentError for impossible options.
 */
export async function openMachine(options: MachineOptions): Promise<Machine> {
  const { threads = 1 } = options;
  requireSize('threads', threads, 1);
  const { host, fallbacks } = createKernelHost({ ...options, shared: threads > 1 });
  // Private memory was reported by the host already.
  if (threads === 1 || !sharesMemory(host)) return { host, team: null, fallbacks };
  try {
    const team = await createNodeTeam(threads);
    if (team.reason === null) return { host, team, fallbacks };
    const lost = { from: `${threads} threads`, to: 'one thread', why: team.reason };
    return { host, team: null, fallbacks: [...fallbacks, lost] };
  } catch (error) {
    host.dispose();
    throw error;
  }
}

function sharesMemory(host: KernelHost): boolean {
  return !(host.createMemory(64).buffer instanceof ArrayBuffer);
}
