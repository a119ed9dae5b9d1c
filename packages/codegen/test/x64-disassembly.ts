import {
  CpuidFeature,
  Decoder,
  DecoderOptions,
  Encoder,
  EncodingKind,
  Formatter,
  FormatterSyntax,
  type Instruction,
  Register,
} from 'iced-x86';
import type { X64Feature } from '../src/x64/features.ts';

/** One instruction as the independent disassembler sees it. */
export interface DecodedInstruction {
  readonly at: number;
  readonly byteLength: number;
  /** Intel syntax, numbers in hexadecimal. */
  readonly text: string;
  readonly isEvex: boolean;
  readonly cpuid: readonly string[];
}

/** Which of our features allows what the disassembler calls by these names; null: part of every x86-64 processor. */
const CPUID_FEATURES: Readonly<Record<string, X64Feature | null>> = {
  INTEL8086: null,
  INTEL186: null,
  INTEL386: null,
  INTEL486: null,
  X64: null,
  SSE: null,
  MULTIBYTENOP: null,
  PREFETCHW: 'prefetchw',
  // Processors have had it since long before AVX2.
  POPCNT: 'avx2',
  BMI2: 'bmi2',
  AVX: 'avx2',
  AVX2: 'avx2',
  FMA: 'fma',
  F16C: 'f16c',
  AVX_VNNI: 'avxVnni',
  AVX512F: 'avx512f',
  AVX512BW: 'avx512bw',
  AVX512DQ: 'avx512dq',
  AVX512VL: 'avx512vl',
  AVX512_VNNI: 'avx512Vnni',
  AVX512_BF16: 'avx512Bf16',
};

/** Our feature behind a name of the disassembler; null: always there; undefined: never to be emitted. */
export function allowedBy(cpuid: string): X64Feature | null | undefined {
  return CPUID_FEATURES[cpuid];
}

/** The features that an instruction needs. Throws for one that these targets should never emit. */
export function neededFeatures({ cpuid, text }: DecodedInstruction): X64Feature[] {
  return cpuid.flatMap((name) => {
    const feature = allowedBy(name);
    if (feature === undefined) throw new Error(`${text} needs ${name}`);
    return feature === null ? [] : [feature];
  });
}

export class Disassembler {
  readonly #formatter = new Formatter(FormatterSyntax.Intel);

  constructor() {
    this.#formatter.hexPrefix = '0x';
    this.#formatter.hexSuffix = '';
    this.#formatter.uppercaseHex = false;
    this.#formatter.smallHexNumbersInDecimal = false;
    this.#formatter.addLeadingZeroToHexNumbers = false;
    this.#formatter.usePseudoOps = false;
    this.#formatter.branchLeadingZeros = false;
  }

  /** All instructions of `code` up to `end`. Addresses count from the start of the code. */
  *decode(code: Uint8Array, end = code.length): Generator<DecodedInstruction> {
    for (const instruction of decodeEach(code, end)) {
      yield {
        at: Number(instruction.ip),
        byteLength: instruction.length,
        text: instruction.isInvalid ? '(no instruction)' : this.#formatter.format(instruction),
        isEvex: instruction.encoding === EncodingKind.EVEX,
        cpuid: [...instruction.cpuidFeatures()].map((feature) => CpuidFeature[feature]!),
      };
    }
  }
}

function* decodeEach(code: Uint8Array, end: number): Generator<Instruction> {
  const decoder = new Decoder(64, code, DecoderOptions.None);
  try {
    while (decoder.canDecode && decoder.position < end) {
      const instruction = decoder.decode();
      yield instruction;
      instruction.free();
    }
  } finally {
    decoder.free();
  }
}

/** The shortest bytes for the same instructions, by the encoder that belongs to the disassembler. */
export function encodeAgain(code: Uint8Array, end = code.length): Uint8Array {
  const encoder = new Encoder(64);
  for (const instruction of decodeEach(code, end)) {
    // 1 asks for one byte where that is enough; as decoded, the encoder would keep four.
    const { memoryBase, memoryDisplSize } = instruction;
    if (memoryBase !== Register.None && memoryBase !== Register.RIP && memoryDisplSize > 1) {
      instruction.memoryDisplSize = 1;
    }
    encoder.encode(instruction, instruction.ip);
  }
  const bytes = encoder.takeBuffer();
  encoder.free();
  return bytes;
}
