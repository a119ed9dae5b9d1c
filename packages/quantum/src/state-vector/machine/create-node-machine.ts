import { freemem } from 'node:os';
import type { KernelHost } from '@qedge/codegen';
import {
  createKernelHost,
  createNodeTeam,
  type MachineCodeHost,
  withRevectorizer,
} from '@qedge/codegen/node';
import type { StateMachine } from '../state-machine.ts';
import type { StateMachineOptions } from './create-portable-machine.ts';
import { type RegionSource, SeparateRegions } from './memory-regions.ts';
import { createSharedRegions } from './portable-memory.ts';
import { requireOptions } from './require-options.ts';
import { selfCheck } from './self-check.ts';
import { PADDING_BYTES } from './state-addressing.ts';
import { sweepShapeOf } from './sweep-shapes.ts';
import { VectorMachine } from './vector-machine.ts';

/**
 * A machine on the fastest code that Node has here: AVX-512, AVX2, else WebAssembly, else the interpreter. States of machine code may be
 * as large as memory is.
 *
 * @throws CapabilityUnavailableError when what was asked for is not there; InvalidArgumentError for impossible options;
 *   VerificationError when generated code computes wrongly here.
 */
export async function createStateMachine(options: StateMachineOptions): Promise<StateMachine> {
  const { element, threads } = requireOptions(options);
  const team = await createNodeTeam(threads);
  try {
    const { host, fallbacks } = createKernelHost({ ...options, shared: team.size > 1 });
    const traits = host.traitsOf(element);
    const machine = new VectorMachine({
      host,
      fallbacks,
      element,
      shape: sweepShapeOf(traits, host.isa, element, levelTwoBytes(host)),
      team,
      regions: regionsOf(host, team.size > 1),
      paddingBytes: PADDING_BYTES,
      compile: host.isa === 'wasm-256' ? withRevectorizer : (work) => work(),
    });
    selfCheck(machine);
    return machine;
  } catch (error) {
    team.dispose();
    throw error;
  }
}

function isMachineCode(host: KernelHost): host is MachineCodeHost {
  return host.isa === 'avx512' || host.isa === 'avx2';
}

function regionsOf(host: KernelHost, shared: boolean): RegionSource {
  if (!isMachineCode(host)) return createSharedRegions(host, shared);
  // States are swept through from end to end, where huge pages gained nothing, and first touched in the run that users wait for.
  const create = (byteLength: number) => host.createMemory(byteLength, { hugePages: false });
  return new SeparateRegions(create, systemBytes);
}

/** What the system can give without swapping; in a container, what its limit leaves. */
function systemBytes(): number {
  const { availableMemory } = process as { readonly availableMemory?: () => number };
  return availableMemory?.() ?? freemem();
}

function levelTwoBytes(host: KernelHost): number | null {
  if (!isMachineCode(host)) return null;
  const cache = host.cpu.caches.find(({ level, kind }) => level === 2 && kind !== 'instruction');
  return cache?.byteLength ?? null;
}
