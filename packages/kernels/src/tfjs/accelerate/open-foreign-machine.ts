import type { ForeignMemory, Isa, ThreadTeamOptions } from '@qedge/codegen';
import type { Machine, MachineKit } from '../../engine/open-machine.ts';
import { requireSize } from '../../engine/operands.ts';

/** Threads stay awake while TensorFlow.js does what it does between two kernels, which takes up to some hundred microseconds. */
export const TEAM_OPTIONS: ThreadTeamOptions = { spinMicroseconds: 500 };

/**
 * Opens the fastest host that works in a memory of another program, and threads.
 *
 * @throws CapabilityUnavailableError when what `isa` or `QEDGE_ISA` names is not there, InvalidArgumentError for impossible options.
 */
export async function openForeignMachine(
  kit: MachineKit,
  memory: ForeignMemory,
  options: { readonly isa?: Isa; readonly threads?: number },
): Promise<Machine> {
  const { threads = 1 } = options;
  requireSize('threads', threads, 1);
  const shared = !(memory.buffer instanceof ArrayBuffer);
  const { host, fallbacks } = kit.createHost({ ...(options.isa && { isa: options.isa }), shared });
  const isMachineCode = host.isa === 'avx512' || host.isa === 'avx2';
  const alone = (why: string): Machine => ({
    host,
    team: null,
    fallbacks: [...fallbacks, { from: `${threads} threads`, to: 'one thread', why }],
  });
  if (threads === 1) return { host, team: null, fallbacks };
  if (!isMachineCode && !shared) return alone('the memory of the wasm backend is not shared');
  try {
    const team = await kit.createTeam(threads);
    if (team.reason === null) return { host, team, fallbacks };
    return alone(team.reason);
  } catch (error) {
    host.dispose();
    throw error;
  }
}
