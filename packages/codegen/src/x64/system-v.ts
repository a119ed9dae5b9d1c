import {
  type GeneralRegister,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
} from './registers.ts';

/**
 * What a function may do with registers. Another convention (Windows also preserves xmm6 to xmm15) is another value of this
 * type, with the fields that it needs.
 */
export interface CallingConvention {
  /** Holds the only argument, the address of the argument block. */
  readonly argument: GeneralRegister;
  /** Free for short sequences; never handed to kernels. */
  readonly scratch: GeneralRegister;
  /** May be overwritten. */
  readonly volatile: readonly GeneralRegister[];
  /** Belong to the caller: to be saved before the first write, and restored. In the order in which they are taken. */
  readonly preserved: readonly GeneralRegister[];
}

/**
 * System V AMD64 ABI (Linux, macOS). All vector and mask registers may be overwritten. rbp, r12 and r13 come last: as a base
 * they make each access a byte longer.
 */
export const SYSTEM_V: CallingConvention = {
  argument: rdi,
  scratch: rax,
  volatile: [rsi, rdx, rcx, r8, r9, r10, r11],
  preserved: [rbx, r14, r15, rbp, r12, r13],
};
