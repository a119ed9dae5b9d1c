import type { Target } from '@qedge/codegen';
import type { RegisterKernel } from '../vector-program.ts';
import type { KernelRegisters } from './kernel-registers.ts';
import { elementBytes, type SweepAddressing } from './state-addressing.ts';
import { TableAccess } from './table-access.ts';

/** What the operations of one kernel emit with. */
export class KernelCode {
  readonly target: Target<unknown>;
  readonly registers: KernelRegisters;
  readonly tables: TableAccess;
  /** Rows in registers: `2^blockQubits`. */
  readonly rowCount: number;
  readonly elementBytes: 4 | 8;
  readonly vectorBytes: number;

  constructor(
    target: Target<unknown>,
    registers: KernelRegisters,
    addressing: SweepAddressing,
    kernel: RegisterKernel,
  ) {
    this.target = target;
    this.registers = registers;
    this.tables = new TableAccess(target, registers, addressing);
    this.rowCount = 2 ** kernel.blockQubits.length;
    this.elementBytes = elementBytes(addressing.layout.element);
    this.vectorBytes = this.elementBytes * target.traits.lanes;
  }

  /** Emits code that depends on the number of rows and on `key` alone; once, then copies of it. */
  fragment(key: string, emit: () => void): void {
    this.target.fragment(`state-vector ${this.rowCount} ${key}`, emit);
  }
}
