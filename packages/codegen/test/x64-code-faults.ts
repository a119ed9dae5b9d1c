import {
  CpuidFeature,
  Decoder,
  DecoderOptions,
  EncodingKind,
  FlowControl,
  Formatter,
  FormatterSyntax,
  type Instruction,
  InstructionInfoFactory,
  Mnemonic,
  OpAccess,
  Register,
  type UsedRegister,
} from 'iced-x86';
import type { X64Feature, X64Features } from '../src/x64/features.ts';
import { allowedBy } from './x64-disassembly.ts';

/** Registers that belong to the caller (System V), by their 64-bit and 32-bit names. */
const PRESERVED: readonly (readonly [string, readonly Register[]])[] = [
  ['rbx', [Register.RBX, Register.EBX]],
  ['rbp', [Register.RBP, Register.EBP]],
  ['r12', [Register.R12, Register.R12D]],
  ['r13', [Register.R13, Register.R13D]],
  ['r14', [Register.R14, Register.R14D]],
  ['r15', [Register.R15, Register.R15D]],
];
const WRITES: readonly OpAccess[] = [
  OpAccess.Write,
  OpAccess.ReadWrite,
  OpAccess.CondWrite,
  OpAccess.ReadCondWrite,
];

/** What is known about every path to an instruction. */
interface PathState {
  /** Registers on the stack since the function or routine was entered. */
  readonly stack: readonly string[];
  /** Whether ymm or zmm registers were written after the last `vzeroupper`. */
  readonly isUpperDirty: boolean;
  readonly isRoutine: boolean;
  /** Opmask registers that were written, one bit each. */
  readonly masks: number;
}

/**
 * Follows every path through a function, from its first byte, and lists what breaks the calling convention, the declared
 * features, or the structure that the targets promise. An empty list is what good code gives.
 */
export function findCodeFaults(code: Uint8Array, features: X64Features): string[] {
  const analysis = new CodeAnalysis(code, features);
  try {
    return analysis.run();
  } finally {
    analysis.free();
  }
}

class CodeAnalysis {
  readonly #faults = new Set<string>();
  readonly #formatter = new Formatter(FormatterSyntax.Nasm);
  readonly #info = new InstructionInfoFactory();
  readonly #decoder: Decoder;
  readonly #code: Uint8Array;
  readonly #features: X64Features;
  readonly #states = new Map<number, PathState>();
  readonly #work: number[] = [];
  readonly #saved = new Set<string>();
  readonly #written = new Set<string>();
  #codeEnd = 0;
  #constantStart = Number.POSITIVE_INFINITY;

  constructor(code: Uint8Array, features: X64Features) {
    this.#code = code;
    this.#features = features;
    this.#decoder = new Decoder(64, code, DecoderOptions.None);
  }

  free(): void {
    for (const item of [this.#decoder, this.#formatter, this.#info]) item.free();
  }

  run(): string[] {
    this.#visit(0, { stack: [], isUpperDirty: false, isRoutine: false, masks: 0 });
    for (let at = this.#work.pop(); at !== undefined; at = this.#work.pop()) this.#step(at);
    for (const name of this.#written) {
      if (!this.#saved.has(name)) this.#faults.add(`${name} is written but not saved`);
    }
    if (this.#constantStart < this.#codeEnd) this.#faults.add('constants lie among instructions');
    return [...this.#faults];
  }

  #visit(at: number, state: PathState): void {
    const known = this.#states.get(at);
    if (known === undefined) {
      this.#states.set(at, state);
      this.#work.push(at);
      return;
    }
    if (known.stack.join() !== state.stack.join())
      this.#faults.add(`the stack differs between paths to ${at}`);
    const isUpperDirty = known.isUpperDirty || state.isUpperDirty;
    const masks = known.masks & state.masks;
    if (isUpperDirty === known.isUpperDirty && masks === known.masks) return;
    this.#states.set(at, { ...known, isUpperDirty, masks });
    this.#work.push(at);
  }

  #step(at: number): void {
    if (at < 0 || at >= this.#code.length) {
      this.#faults.add(`a path leaves the code at ${at}`);
      return;
    }
    this.#decoder.position = at;
    this.#decoder.ip = BigInt(at);
    const instruction = this.#decoder.decode();
    if (instruction.isInvalid) this.#faults.add(`no instruction at ${at}`);
    else this.#follow(instruction, at, this.#states.get(at)!);
    this.#codeEnd = Math.max(this.#codeEnd, at + instruction.length);
    instruction.free();
  }

  #follow(instruction: Instruction, at: number, state: PathState): void {
    this.#checkEncoding(instruction);
    this.#checkMemory(instruction);
    const next = this.#transfer(instruction, state);
    const after = at + instruction.length;
    switch (instruction.flowControl) {
      case FlowControl.Next:
        this.#visit(after, next);
        return;
      case FlowControl.UnconditionalBranch:
        this.#visit(Number(instruction.nearBranchTarget), next);
        return;
      case FlowControl.ConditionalBranch:
        this.#visit(Number(instruction.nearBranchTarget), next);
        this.#visit(after, next);
        return;
      case FlowControl.Call:
        this.#visit(Number(instruction.nearBranchTarget), { ...next, stack: [], isRoutine: true });
        // What a routine leaves in vector registers counts as written.
        this.#visit(after, { ...next, isUpperDirty: true });
        return;
      case FlowControl.Return:
        if (next.stack.length > 0) this.#faults.add(`returns with ${next.stack.join()} on the stack`);
        if (!next.isRoutine && next.isUpperDirty) this.#faults.add('returns without vzeroupper');
        return;
      default:
        this.#faults.add(`unexpected ${this.#text(instruction)}`);
    }
  }

  /** The state after an instruction. */
  #transfer(instruction: Instruction, state: PathState): PathState {
    const { stack, isRoutine } = state;
    if (instruction.mnemonic === Mnemonic.Push) {
      const name = Register[instruction.op0Register]!.toLowerCase();
      if (!isRoutine && this.#written.has(name)) this.#faults.add(`${name} is saved after it was written`);
      if (!isRoutine) this.#saved.add(name);
      return { ...state, stack: [...stack, name] };
    }
    if (instruction.mnemonic === Mnemonic.Pop) {
      const name = Register[instruction.op0Register]!.toLowerCase();
      if (stack.at(-1) !== name) this.#faults.add(`${stack.at(-1) ?? 'nothing'} is restored to ${name}`);
      return { ...state, stack: stack.slice(0, -1) };
    }
    if (instruction.mnemonic === Mnemonic.Vzeroupper) return { ...state, isUpperDirty: false };
    return this.#recordAccesses(instruction, state);
  }

  /** Notes which registers an instruction changes, and which masks it reads. */
  #recordAccesses(instruction: Instruction, state: PathState): PathState {
    const info = this.#info.info(instruction);
    const used = info.usedRegisters() as UsedRegister[];
    info.free();
    let { isUpperDirty, masks } = state;
    for (const item of used) {
      const { register, access } = item;
      item.free();
      const mask = register >= Register.K0 && register <= Register.K7 ? 1 << (register - Register.K0) : 0;
      if (access !== OpAccess.Write && (mask & ~state.masks) !== 0) {
        this.#faults.add(`a mask without content in ${this.#text(instruction)}`);
      }
      if (!WRITES.includes(access)) continue;
      masks |= mask;
      for (const [name, aliases] of PRESERVED) if (aliases.includes(register)) this.#written.add(name);
      if (register === Register.RDI || register === Register.EDI)
        this.#faults.add('the block pointer is written');
      const isCall =
        instruction.flowControl === FlowControl.Call || instruction.flowControl === FlowControl.Return;
      if (register === Register.RSP && !isCall) this.#faults.add('rsp is written');
      if (register >= Register.YMM0 && register <= Register.ZMM31) isUpperDirty = true;
    }
    return { ...state, isUpperDirty, masks };
  }

  #checkEncoding(instruction: Instruction): void {
    const { encoding } = instruction;
    const isAllowedEncoding =
      encoding === EncodingKind.Legacy ||
      encoding === EncodingKind.VEX ||
      (encoding === EncodingKind.EVEX && this.#features.avx512f);
    if (!isAllowedEncoding) this.#faults.add(`${EncodingKind[encoding]} in ${this.#text(instruction)}`);
    for (const cpuid of instruction.cpuidFeatures()) {
      const feature: X64Feature | null | undefined = allowedBy(CpuidFeature[cpuid]!);
      if (feature === null || (feature !== undefined && this.#features[feature])) continue;
      this.#faults.add(`${CpuidFeature[cpuid]} in ${this.#text(instruction)}`);
    }
  }

  #checkMemory(instruction: Instruction): void {
    if (!instruction.isIpRelMemoryOperand) return;
    const at = Number(instruction.ipRelMemoryAddress);
    this.#constantStart = Math.min(this.#constantStart, at);
    if (at < 0 || at >= this.#code.length)
      this.#faults.add(`a constant outside in ${this.#text(instruction)}`);
  }

  #text(instruction: Instruction): string {
    return this.#formatter.format(instruction);
  }
}
