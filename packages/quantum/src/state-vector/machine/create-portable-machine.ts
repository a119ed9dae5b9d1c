import { createBrowserTeam, createKernelHost, type Isa, type ThreadTeam } from '@qedge/codegen';
import type { StateMachine } from '../state-machine.ts';
import type { AmplitudeElement } from '../vector-program.ts';
import { createSharedRegions } from './portable-memory.ts';
import { requireOptions } from './require-options.ts';
import { selfCheck } from './self-check.ts';
import { PADDING_BYTES } from './state-addressing.ts';
import { sweepShapeOf } from './sweep-shapes.ts';
import { VectorMachine } from './vector-machine.ts';

/** How states are kept and programs run. */
export interface StateMachineOptions {
  readonly element: AmplitudeElement;
  /** Exactly this way of execution. Default: the environment variable `QEDGE_ISA`, else the fastest that is there. */
  readonly isa?: Isa;
  /** Threads, the calling one included. Default: 1. */
  readonly threads?: number;
  /** True: multiply-adds round twice, so that results have the same bits on every host. Default: false. */
  readonly strict?: boolean;
}

/**
 * A machine that needs nothing but JavaScript: WebAssembly, else the interpreter. Its states share one memory of at most 4 GiB.
 *
 * @throws CapabilityUnavailableError when what was asked for is not there; InvalidArgumentError for impossible options;
 *   VerificationError when generated code computes wrongly here.
 */
export async function createStateMachine(options: StateMachineOptions): Promise<StateMachine> {
  const { element, threads } = requireOptions(options);
  const team: ThreadTeam = await createBrowserTeam(threads);
  const shared = team.size > 1;
  try {
    const { host, fallbacks } = createKernelHost({ ...options, shared });
    const traits = host.traitsOf(element);
    const machine = new VectorMachine({
      host,
      fallbacks,
      element,
      shape: sweepShapeOf(traits, host.isa, element, null),
      team,
      regions: createSharedRegions(host, shared),
      paddingBytes: PADDING_BYTES,
      compile: (work) => work(),
    });
    selfCheck(machine);
    return machine;
  } catch (error) {
    team.dispose();
    throw error;
  }
}
