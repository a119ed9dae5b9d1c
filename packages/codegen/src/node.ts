export { createKernelHost } from './native/choose-kernel-host.ts';
export type { CpuCache, CpuDescription } from './native/cpu-features.ts';
export {
  createMachineCodeHost,
  type MachineCodeHost,
  type MachineCodeHostOptions,
  type MachineMemoryOptions,
} from './native/machine-code-host.ts';
export { detectRevectorizer, withRevectorizer } from './native/revectorizer.ts';
export { createNodeTeam } from './team/node-team.ts';
