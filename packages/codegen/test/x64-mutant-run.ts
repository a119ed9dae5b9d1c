import { InterpreterTarget } from '../src/target/interpreter.ts';
import { type OperationCase, operationCases, type Program } from './operation-cases.ts';
import { CASE_BYTES, findDifference, type OperationBackend } from './operation-runner.ts';
import { openX64Machine, type X64Machine, x64Profiles } from './x64-machine.ts';
import { withMutation, type X64Mutation } from './x64-mutation.ts';
import { X64_MUTATIONS } from './x64-mutations.ts';

/** Memory around what a program may touch, so that most mistakes do not end the process. */
const SLACK_BYTES = 65536;

function backendOf(machine: X64Machine, profileName: string): OperationBackend<Uint8Array> {
  const profile = x64Profiles(machine.features).find(({ name }) => name === profileName);
  if (!profile) throw new Error(`This processor has no ${profileName}`);
  const { traits } = profile.createTarget();
  return {
    name: profileName,
    traits,
    createTarget: profile.createTarget,
    createMemory(byteLength) {
      const { buffer, byteOffset, address } = machine.createMemory(byteLength + 2 * SLACK_BYTES);
      return { buffer, byteOffset: byteOffset + SLACK_BYTES, byteLength, address: address + SLACK_BYTES };
    },
    run: (code, _memory, block) => machine.load(code)(block),
  };
}

/**
 * Runs operation cases with a broken encoder (null: with a whole one), and returns the names of those that were noticed: by a
 * different outcome, or by an error while code was emitted.
 */
export function findNoticed(
  machine: X64Machine,
  profileName: string,
  mutation: X64Mutation | null,
  names: readonly string[],
): string[] {
  const backend = backendOf(machine, profileName);
  const memory = backend.createMemory(CASE_BYTES);
  const cases = operationCases(backend.traits).filter(({ name }) => names.includes(name));
  const broken = (entry: OperationCase): Program => {
    return (target) => {
      // The interpreter stays whole: it says what is right.
      if (mutation === null || target instanceof InterpreterTarget) return entry.program(target);
      return withMutation(mutation, () => entry.program(target));
    };
  };
  return cases
    .filter((entry) => {
      try {
        return findDifference(backend, memory, { ...entry, program: broken(entry) }, 1) !== null;
      } catch {
        return true;
      }
    })
    .map(({ name }) => name);
}

/** For a process of its own: prints the names of the cases that noticed a mutation, if it lives to do so. */
export function printNoticed(mutationName: string): void {
  const machine = openX64Machine();
  const mutation = X64_MUTATIONS.find(({ name }) => name === mutationName);
  if (machine === null || mutation === undefined) throw new Error(`Cannot run "${mutationName}"`);
  console.log(JSON.stringify(findNoticed(machine, mutation.profile, mutation, mutation.cases)));
}
