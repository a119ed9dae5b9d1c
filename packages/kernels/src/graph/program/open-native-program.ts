import { MachineCodeLoader } from '@qedge/codegen/machine-code';
import { CapabilityUnavailableError, type Precision } from '@qedge/core';
import { LazyModel } from '@qedge/memory';
import { type MappedFile, mapFile } from '@qedge/memory/node';
import { CompiledGraph } from '../compiled-graph.ts';
import { sectionKey } from '../prepared-weights.ts';
import { missingWeights } from './missing-weights.ts';
import {
  openPortableProgram,
  type OpenPreparedProgramOptions as PortableOptions,
} from './open-prepared-program.ts';
import { fillFront, layOutProgram, programParts } from './placed-program.ts';
import { type Program, programKey } from './program.ts';
import { decodeProgram } from './program-bytes.ts';

/** Options of {@link openPreparedProgram} of `@qedge/kernels/prepared/node`. */
export interface OpenPreparedProgramOptions extends PortableOptions {
  /**
   * True: machine code in the file may be run, as that of a native library is: it can do whatever this process can. For files that come
   * from where your programs come from. Default false.
   */
  readonly trusted?: boolean;
}

/**
 * As the function of this name in `@qedge/kernels/prepared`; a file that is `trusted` runs its machine code where it lies in the mapped file. Where it has none that
 * this processor can run, its WebAssembly runs, and `report.reason` says why.
 *
 * @param file its path; or its bytes, whose WebAssembly runs.
 * @throws as that function. `run` of the result throws FileFormatError when the mapped file was truncated or replaced.
 * @example
 * import { openPreparedProgram } from '@qedge/kernels/prepared/node';
 * using ocr = openPreparedProgram('ocr.qez', { trusted: true });
 */
export function openPreparedProgram(
  file: string | Uint8Array,
  options: OpenPreparedProgramOptions = {},
): CompiledGraph {
  const { trusted = false, precision = 'float32', verify = false } = options;
  if (!trusted || typeof file !== 'string') return openPortableProgram(file, options, null);
  try {
    return openMachineProgram(file, precision, verify);
  } catch (error) {
    if (!(error instanceof CapabilityUnavailableError)) throw error;
    return openPortableProgram(file, options, error.message);
  }
}

/** @throws CapabilityUnavailableError where there is no program that can run here. */
function openMachineProgram(path: string, precision: Precision, verify: boolean): CompiledGraph {
  using loader = new MachineCodeLoader();
  const file = mapFile(path);
  // Owns the file.
  using model = LazyModel.fromSource(file);
  const keys = machineKeys(precision).filter((key) => model.section(key) !== null);
  let refusal = new CapabilityUnavailableError(`${path} holds no machine code at ${precision}`);
  for (const key of keys) {
    model.verifySection(key);
    try {
      return model.borrowSection(key, (bytes) => {
        return startProgram(decodeProgram(bytes, path), loader, file, model, verify);
      });
    } catch (error) {
      if (!(error instanceof CapabilityUnavailableError)) throw error;
      refusal = error;
    }
  }
  throw refusal;
}

/** Fastest first. */
function machineKeys(precision: Precision): string[] {
  return (['avx512', 'avx2'] as const).flatMap((isa) => {
    return [false, true].map((strict) => programKey({ isa, strict, threads: 1, precision }));
  });
}

function startProgram(
  program: Program,
  loader: MachineCodeLoader,
  file: MappedFile,
  model: LazyModel,
  verify: boolean,
): CompiledGraph {
  const sections = program.weights.map(({ key, byteLength }) => {
    const section = model.section(sectionKey(key));
    if (section === null || section.byteLength !== byteLength) throw missingWeights(file.name, key);
    if (verify) model.verifySection(sectionKey(key));
    return section;
  });
  const pages = file.pages();
  try {
    const { weightOffsets, byteLength } = layOutProgram(program, pages === null);
    const memory = loader.createMemory(byteLength);
    const { buffer, byteOffset, address } = memory;
    const kernels = loader.load(program.kernels, memory);
    for (const [index, offset] of weightOffsets.entries()) {
      model.borrowSection(sectionKey(program.weights[index]!.key), (bytes) => {
        new Uint8Array(buffer, byteOffset + offset, bytes.byteLength).set(bytes);
      });
    }
    const weightAddresses = sections.map((section, index) => {
      return pages === null ? address + weightOffsets[index]! : pages.address + section.byteOffset;
    });
    const endAddress = address + byteLength;
    const places = { buffer, byteOffset, address, endAddress, weightAddresses };
    fillFront(program, places, model);
    const copiedWeightBytes =
      pages === null ? program.weights.reduce((sum, weights) => sum + weights.byteLength, 0) : 0;
    const runner = { kernels, team: null, lifetime: { disposed: false }, copiedWeightBytes };
    return new CompiledGraph({
      ...programParts(program, places, runner),
      verify: () => pages?.verify(),
      onDispose: () => pages?.dispose(),
    });
  } catch (error) {
    pages?.dispose();
    throw error;
  }
}
