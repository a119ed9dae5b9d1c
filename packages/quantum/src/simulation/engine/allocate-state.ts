import { CapabilityUnavailableError } from '@qedge/core';
import { StoredState } from '../amplitudes/stored-state.ts';
import type { StateEngine } from './state-engine.ts';

/**
 * Checks that states fit before anything is allocated.
 *
 * @param qubitCount those that need memory.
 * @param stateCount states at the same time.
 * @throws CapabilityUnavailableError with the bytes needed and what would work.
 */
export function checkStateMemory(engine: StateEngine, qubitCount: number, stateCount = 1): void {
  const needed = stateCount * engine.stateBytes(qubitCount);
  const available = engine.availableBytes();
  if (qubitCount <= engine.maxQubits && needed <= available) return;
  let most = Math.min(qubitCount - 1, engine.maxQubits);
  while (most > 0 && stateCount * engine.stateBytes(most) > available) most--;
  const half = engine.precision === 'f64' && needed / 2 <= available && engine.name !== 'reference';
  // Thousands of qubits are more bytes than a number can say.
  const size =
    needed < 2 ** 70 ? formatBytes(needed) : `2^${qubitCount + (engine.precision === 'f32' ? 3 : 4)} bytes`;
  throw new CapabilityUnavailableError(
    `A state of ${qubitCount} qubits in use needs ${size}, which ${engine.name} does not have`,
    {
      expected: `at most ${most} qubits (${formatBytes(available)})`,
      actual: `${qubitCount} qubits`,
      remedy: half
        ? 'Use precision f32, which halves the memory'
        : `Use at most ${most} qubits; qubits that no gate touches cost nothing`,
      facts: {
        qubitsInUse: qubitCount,
        bytesNeeded: needed,
        bytesAvailable: available,
        qubitsPossible: most,
        precision: engine.precision,
      },
    },
  );
}

/** Memory for a state, its content not defined; null where there is not enough. */
export function tryAllocateState(engine: StateEngine, qubitCount: number): StoredState | null {
  if (qubitCount > engine.maxQubits || engine.stateBytes(qubitCount) > engine.availableBytes()) return null;
  try {
    return new StoredState(engine.allocate(qubitCount), engine.arithmetic);
  } catch (error) {
    // What is available is an estimate: other programs take memory too, and one large piece may not serve small states.
    if (error instanceof CapabilityUnavailableError) return null;
    throw error;
  }
}

/** Memory for a state, its content not defined. @throws what {@link checkStateMemory} throws. */
export function allocateState(engine: StateEngine, qubitCount: number): StoredState {
  checkStateMemory(engine, qubitCount);
  return new StoredState(engine.allocate(qubitCount), engine.arithmetic);
}

function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit + 1 < units.length) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toPrecision(3))} ${units[unit]}`;
}
