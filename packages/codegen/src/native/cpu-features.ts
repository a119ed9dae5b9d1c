import { CapabilityUnavailableError } from '@qedge/core';
import type { X64Features } from '../x64/features.ts';
import type { ExecutableMemory } from './executable-memory.ts';

/** One cache of the core that asked. */
export interface CpuCache {
  readonly level: number;
  readonly kind: 'data' | 'instruction' | 'unified';
  readonly byteLength: number;
  readonly lineBytes: number;
  readonly ways: number;
}

/** What the processor says about itself. */
export interface CpuDescription {
  /** `GenuineIntel`, `AuthenticAMD`, ... */
  readonly vendor: string;
  /** The brand, e.g. `AMD EPYC 9R14`; empty where the processor has none. */
  readonly brand: string;
  readonly features: X64Features;
  /** In the order of the processor; empty where it does not tell. */
  readonly caches: readonly CpuCache[];
}

interface Registers {
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

/**
 * A function of one address: reads the leaf and the subleaf from there, and writes eax, ebx, ecx and edx over them. rbx belongs to
 * the caller, rdi holds the argument.
 */
// biome-ignore format: one instruction a line
const CPUID_CODE = Uint8Array.of(
  0x53,                   // push rbx
  0x8b, 0x07,             // mov  eax, [rdi]
  0x8b, 0x4f, 0x04,       // mov  ecx, [rdi + 4]
  0x0f, 0xa2,             // cpuid
  0x89, 0x07,             // mov  [rdi], eax
  0x89, 0x5f, 0x04,       // mov  [rdi + 4], ebx
  0x89, 0x4f, 0x08,       // mov  [rdi + 8], ecx
  0x89, 0x57, 0x0c,       // mov  [rdi + 12], edx
  0x5b,                   // pop  rbx
  0xc3,                   // ret
);

/** A function of one address: writes the low half of XCR0, the register states that the operating system saves. */
// biome-ignore format: one instruction a line
const XGETBV_CODE = Uint8Array.of(
  0x31, 0xc9,             // xor  ecx, ecx
  0x0f, 0x01, 0xd0,       // xgetbv
  0x89, 0x07,             // mov  [rdi], eax
  0xc3,                   // ret
);

/** XCR0: xmm and ymm registers are saved. */
const YMM_STATE = 0x06;
/** XCR0: the above, mask registers, and both parts of the zmm registers. */
const ZMM_STATE = 0xe6;

const NO_REGISTERS: Registers = { eax: 0, ebx: 0, ecx: 0, edx: 0 };

/**
 * Asks the processor by CPUID, and the operating system by XGETBV, what may be used. An instruction set counts only where both
 * agree. Leaves are those of Intel's Software Developer's Manual, volume 2A, CPUID, and of AMD's Programmer's Manual, volume 3,
 * appendix E.
 *
 * @throws CapabilityUnavailableError where no code may be executed.
 */
export function describeCpu(memory: ExecutableMemory): CpuDescription {
  const { cpuid, xcr0 } = loadQueries(memory);
  const leaf0 = cpuid(0, 0);
  const extended = cpuid(0x8000_0000, 0).eax;
  const basic = (leaf: number, subleaf = 0) => (leaf <= leaf0.eax ? cpuid(leaf, subleaf) : NO_REGISTERS);
  const higher = (leaf: number, subleaf = 0) => (leaf <= extended ? cpuid(leaf, subleaf) : NO_REGISTERS);

  const leaf1 = basic(1);
  const osSavesState = bit(leaf1.ecx, 27);
  const caches = bit(higher(0x8000_0001).ecx, 22)
    ? listCaches((index) => higher(0x8000_001d, index))
    : listCaches((index) => basic(4, index));
  return {
    vendor: text([leaf0.ebx, leaf0.edx, leaf0.ecx]),
    brand: extended >= 0x8000_0004 ? readBrand(higher) : '',
    features: readFeatures(leaf1, basic, higher, osSavesState ? xcr0() : 0),
    caches,
  };
}

function readFeatures(
  leaf1: Registers,
  basic: (leaf: number, subleaf?: number) => Registers,
  higher: (leaf: number) => Registers,
  xcr0: number,
): X64Features {
  const leaf7 = basic(7);
  const leaf7part1 = leaf7.eax >= 1 ? basic(7, 1) : NO_REGISTERS;
  const ymm = (xcr0 & YMM_STATE) === YMM_STATE && bit(leaf1.ecx, 28);
  const zmm = ymm && (xcr0 & ZMM_STATE) === ZMM_STATE && bit(leaf7.ebx, 16);
  return {
    avx2: ymm && bit(leaf7.ebx, 5),
    fma: ymm && bit(leaf1.ecx, 12),
    f16c: ymm && bit(leaf1.ecx, 29),
    avxVnni: ymm && bit(leaf7part1.eax, 4),
    avx512f: zmm,
    avx512bw: zmm && bit(leaf7.ebx, 30),
    avx512dq: zmm && bit(leaf7.ebx, 17),
    avx512vl: zmm && bit(leaf7.ebx, 31),
    avx512Vnni: zmm && bit(leaf7.ecx, 11),
    avx512Bf16: zmm && bit(leaf7part1.eax, 5),
    prefetchw: bit(higher(0x8000_0001).ecx, 8),
    bmi2: bit(leaf7.ebx, 8),
  };
}

/** The deterministic cache parameters, which both vendors give in the same form. */
function listCaches(read: (index: number) => Registers): CpuCache[] {
  const kinds = [null, 'data', 'instruction', 'unified'] as const;
  const caches: CpuCache[] = [];
  for (let index = 0; index < 16; index++) {
    const { eax, ebx, ecx } = read(index);
    const kind = kinds[eax & 31];
    if (!kind) break;
    const ways = (ebx >>> 22) + 1;
    const partitions = ((ebx >>> 12) & 1023) + 1;
    const lineBytes = (ebx & 4095) + 1;
    caches.push({
      level: (eax >>> 5) & 7,
      kind,
      byteLength: ways * partitions * lineBytes * (ecx + 1),
      lineBytes,
      ways,
    });
  }
  return caches;
}

function readBrand(higher: (leaf: number) => Registers): string {
  const words = [0x8000_0002, 0x8000_0003, 0x8000_0004].flatMap((leaf) => {
    const { eax, ebx, ecx, edx } = higher(leaf);
    return [eax, ebx, ecx, edx];
  });
  return text(words).trim();
}

/** Characters that lie in registers, least significant byte first, up to the first 0. */
function text(words: readonly number[]): string {
  const codes = words.flatMap((word) => [0, 8, 16, 24].map((shift) => (word >>> shift) & 255));
  const end = codes.indexOf(0);
  return String.fromCharCode(...(end < 0 ? codes : codes.slice(0, end)));
}

function bit(word: number, index: number): boolean {
  return ((word >>> index) & 1) === 1;
}

function loadQueries(memory: ExecutableMemory) {
  const { koffi } = memory;
  const type = koffi.proto('void', ['int64_t']);
  const load = (code: Uint8Array): ((address: number) => void) => {
    const placement = memory.place(code);
    if (placement.placed) return koffi.decode(BigInt(placement.address), type);
    throw new CapabilityUnavailableError(placement.reason, { remedy: placement.remedy });
  };
  const [runCpuid, runXgetbv] = [load(CPUID_CODE), load(XGETBV_CODE)];
  const words = new Uint32Array(new SharedArrayBuffer(16));
  const address = Number(koffi.address(words));
  const cpuid = (leaf: number, subleaf: number): Registers => {
    words.set([leaf, subleaf, 0, 0]);
    runCpuid(address);
    const [eax, ebx, ecx, edx] = words as unknown as [number, number, number, number];
    return { eax, ebx, ecx, edx };
  };
  const xcr0 = () => {
    runXgetbv(address);
    return words[0]!;
  };
  return { cpuid, xcr0 };
}
