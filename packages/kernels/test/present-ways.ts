import './relaxed-simd.ts';
import type { Isa, ThreadTeam } from '@qedge/codegen';
import { createKernelHost, createNodeTeam } from '@qedge/codegen/node';
import { it } from 'vitest';
import { KernelEngine } from '../src/engine/kernel-engine.ts';
import { RULES } from '../src/engine/tuner.ts';

const ISAS: readonly Isa[] = ['avx512', 'avx2', 'wasm-256', 'wasm', 'wasm-strict', 'interpreter'];

/** The ways of execution that this host has; each of the others is a skipped test with its reason. Call it inside a suite. */
export function presentIsas(): Isa[] {
  return ISAS.filter((isa) => {
    try {
      createKernelHost({ isa }).host.dispose();
      return true;
    } catch (error) {
      it.skip(`${isa} is not here: ${(error as Error).message}`);
      return false;
    }
  });
}

/** A team to which handing work over costs nothing, as far as it tells: every work is divided, however small. */
export async function eagerTeam(threads: number): Promise<ThreadTeam> {
  const team = await createNodeTeam(threads);
  return {
    size: team.size,
    reason: team.reason,
    handoffMicroseconds: 0,
    prepare: (parts) => team.prepare(parts),
    prepareSteps: (steps) => team.prepareSteps(steps),
    dispose: () => team.dispose(),
    [Symbol.dispose]: () => team.dispose(),
  };
}

/** An engine that divides every work among its threads. */
export async function eagerEngine(isa: Isa, threads: number, strict = false): Promise<KernelEngine> {
  const choice = createKernelHost({ isa, strict, shared: threads > 1 });
  return new KernelEngine({ ...choice, team: threads === 1 ? null : await eagerTeam(threads), tuner: RULES });
}
