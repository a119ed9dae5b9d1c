import type { Simulator } from '../simulation/simulator.ts';
import type { SimulatorConformanceCase } from './conformance-case.ts';
import { observableCases } from './observable-cases.ts';
import { samplingCases } from './sampling-cases.ts';
import { stateCases } from './state-cases.ts';

/** The functions of a test framework (vitest, jest, mocha, node:test) that the suite needs. */
export interface TestFramework {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
  afterAll(body: () => Promise<void>): void;
}

/** Every conformance case for simulators of pure states. */
export function simulatorConformanceCases(): SimulatorConformanceCase[] {
  return [...stateCases(), ...observableCases(), ...samplingCases()];
}

/**
 * Declares the conformance suite in a test framework.
 *
 * @param makeSimulator called once, when the first case runs; the simulator is disposed after the last one.
 * @example
 * describeSimulatorConformance('reference', async () => createReferenceSimulator(), { describe, it, afterAll });
 */
export function describeSimulatorConformance(
  name: string,
  makeSimulator: () => Promise<Simulator>,
  { describe, it, afterAll }: TestFramework,
): void {
  describe(`${name} as a simulator`, () => {
    let simulator: Promise<Simulator> | null = null;
    for (const conformance of simulatorConformanceCases()) {
      it(conformance.name, async () => {
        simulator ??= makeSimulator();
        await conformance.run(await simulator);
      });
    }
    afterAll(async () => (await simulator)?.dispose());
  });
}
