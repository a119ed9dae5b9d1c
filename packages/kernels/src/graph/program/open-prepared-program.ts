import type { LoadedKernel } from '@qedge/codegen';
import {
  CapabilityUnavailableError,
  FileFormatError,
  InvalidArgumentError,
  isPrecision,
  type Precision,
  UnsupportedError,
} from '@qedge/core';
import { LazyModel } from '@qedge/memory';
import { CompiledGraph } from '../compiled-graph.ts';
import { sectionKey } from '../prepared-weights.ts';
import { guardTraps } from './guard-traps.ts';
import { missingWeights } from './missing-weights.ts';
import { fillFront, layOutProgram, type ProgramPlaces, programParts } from './placed-program.ts';
import { type Program, parseProgramKey, programKey } from './program.ts';
import { decodeProgram } from './program-bytes.ts';
import { openProgramFile, type ProgramFileBytes } from './program-file.ts';

/** Options of {@link openPreparedProgram}. */
export interface OpenPreparedProgramOptions {
  /** Default `float32`. */
  readonly precision?: Precision;
  /**
   * True: weights are compared with their checksums, too. Default false: only the header and the program are; damaged weights give wrong numbers.
   */
  readonly verify?: boolean;
}

/** Which programs a browser or server can run, fastest first. */
const ISAS = ['wasm', 'wasm-strict'] as const;

/** Where the front begins: address 0 and those after it stay unused. */
const FRONT_OFFSET = 64;

/**
 * Starts a model from a prepared file (`savePreparedModel` with an engine for WebAssembly, or `qedge prepare --targets wasm`) in a few milliseconds:
 * nothing is imported that could generate code. Runs wherever WebAssembly does, on one thread. Modules of the file compute in a memory of
 * their own and reach nothing else, so that the file need not be trusted; one made to never end does not.
 *
 * @param file its path, in Node: parts that are not needed are not read; or the bytes of all of it, borrowed for the call.
 * @returns the graph, whose `run` gives what `PreparedModel.compile` on the same instruction set gives.
 * @throws FileNotFoundError, FileAccessError; FileFormatError for what is no such file, damage or an impossible program; UnsupportedError where the file holds no
 *   program for WebAssembly and this precision, or programs of another version of this library; CapabilityUnavailableError without WebAssembly SIMD or memory.
 * @example
 * import { openPreparedProgram } from '@qedge/kernels/prepared';
 * using digits = openPreparedProgram('digits.qez');
 * digits.inputs.image!.data.set(pixels);
 * digits.run();
 */
export function openPreparedProgram(
  file: string | Uint8Array,
  options: OpenPreparedProgramOptions = {},
): CompiledGraph {
  return openPortableProgram(file, options, null);
}

/** As {@link openPreparedProgram}. @param reason why it is not machine code that runs, or null. */
export function openPortableProgram(
  file: string | Uint8Array,
  options: OpenPreparedProgramOptions,
  reason: string | null,
): CompiledGraph {
  const { precision = 'float32', verify = false } = options;
  if (!isPrecision(precision)) {
    throw new InvalidArgumentError('The precision is not known', {
      expected: 'float32, float16, int8 or int4',
      actual: precision,
    });
  }
  const source = openProgramFile(file);
  const model = LazyModel.fromSource(source, { verification: verify ? 'first-use' : 'none' });
  try {
    return startProgram(model, source, { precision, verify, reason });
  } finally {
    // And with it the source.
    model.dispose();
  }
}

function startProgram(
  model: LazyModel,
  source: ProgramFileBytes,
  { precision, verify, reason }: Required<OpenPreparedProgramOptions> & { readonly reason: string | null },
): CompiledGraph {
  const { name } = source;
  const { program, module } = chooseProgram(model, precision, name);
  const { memory, places } = placeProgram(program, name, (key, target) => {
    if (verify && model.section(key) !== null) model.verifySection(key);
    return readSection(model, source, key, target);
  });
  const kernels = loadKernels(program, module, memory, name);
  fillFront(program, places, model);
  const copiedWeightBytes = program.weights.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const runner = { kernels, team: null, lifetime: { disposed: false }, copiedWeightBytes };
  const { report, ...parts } = programParts(program, places, { ...runner, guard: guardTraps(name) });
  return new CompiledGraph({
    ...parts,
    report: { ...report, reason },
    verify: () => {},
    onDispose: () => {},
  });
}

interface WasmMemory {
  readonly buffer: ArrayBufferLike;
}

/** The parts of WebAssembly's interface that are used here: neither the DOM's types nor Node's are needed. */
interface WebAssemblyInterface {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (limits: { readonly initial: number; readonly maximum: number }) => WasmMemory;
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
}

function webAssembly(): WebAssemblyInterface {
  const engine = (globalThis as { readonly WebAssembly?: WebAssemblyInterface }).WebAssembly;
  if (engine) return engine;
  throw new CapabilityUnavailableError('This host has no WebAssembly');
}

/** The fastest program that this host can run. */
function chooseProgram(
  model: LazyModel,
  precision: Precision,
  name: string,
): { readonly program: Program; readonly module: object } {
  const engine = webAssembly();
  const keys = ISAS.map((isa) => programKey({ isa, strict: isa === 'wasm-strict', threads: 1, precision }));
  const present = keys.filter((key) => model.section(key) !== null);
  for (const key of present) {
    model.verifySection(key);
    // The program refers to the bytes until it is loaded.
    const program = model.borrowSection(key, (section) => decodeProgram(section, name));
    try {
      return { program, module: new engine.Module(program.kernels.code) };
    } catch {
      // Instructions that this host does not know; the next program may do without them.
    }
  }
  if (present.length > 0) {
    throw new CapabilityUnavailableError(`This host refuses the WebAssembly of ${name}`, {
      actual: present.join(', '),
      remedy: 'Prepare the model for wasm-strict, too.',
    });
  }
  throw new UnsupportedError(`${name} holds no program for WebAssembly at ${precision}`, {
    expected: keys.join(' or '),
    actual: model.sectionKeys().filter((key) => parseProgramKey(key) !== null),
    remedy:
      'Prepare the model with this version of the library, with an engine whose isa is "wasm" or "wasm-strict".',
  });
}

/** Places front, weights and temporary bytes one after the other in new memory, and copies the weights there. */
function placeProgram(
  program: Program,
  name: string,
  read: (key: string, target: Uint8Array) => boolean,
): { readonly memory: WasmMemory; readonly places: ProgramPlaces } {
  const { weightOffsets, byteLength } = layOutProgram(program, true);
  const memory = newMemory(FRONT_OFFSET + byteLength);
  const { buffer } = memory;
  const weightAddresses = weightOffsets.map((offset) => FRONT_OFFSET + offset);
  for (const [index, weights] of program.weights.entries()) {
    const target = new Uint8Array(buffer, weightAddresses[index]!, weights.byteLength);
    if (!read(sectionKey(weights.key), target)) throw missingWeights(name, weights.key);
  }
  const endAddress = FRONT_OFFSET + byteLength;
  return {
    memory,
    places: { buffer, byteOffset: FRONT_OFFSET, address: FRONT_OFFSET, endAddress, weightAddresses },
  };
}

/** @returns false where there is no such section of this size. */
function readSection(model: LazyModel, source: ProgramFileBytes, key: string, target: Uint8Array): boolean {
  const section = model.section(key);
  if (section === null || section.byteLength !== target.byteLength) return false;
  source.readInto(section.byteOffset, target);
  return true;
}

const WASM_PAGE_BYTES = 65_536;

function newMemory(byteLength: number): WasmMemory {
  const pages = Math.ceil(byteLength / WASM_PAGE_BYTES);
  try {
    return new (webAssembly().Memory)({ initial: pages, maximum: pages });
  } catch (cause) {
    throw new CapabilityUnavailableError('The host cannot allocate a WebAssembly memory', {
      expected: `${pages} pages of 64 KiB, of at most 65536`,
      actual: String(cause),
      cause,
    });
  }
}

function loadKernels({ kernels }: Program, module: object, memory: WasmMemory, name: string): LoadedKernel[] {
  try {
    const { exports } = new (webAssembly().Instance)(module, { arena: { memory } });
    return kernels.starts.map((_, index) => {
      const run = exports[index];
      if (typeof run === 'function') {
        return { key: String(index), run: run as (block: number) => void, portable: null };
      }
      throw new FileFormatError(`${name} lacks a kernel that its program needs`, { expected: String(index) });
    });
  } catch (cause) {
    if (cause instanceof FileFormatError) throw cause;
    throw new FileFormatError(`${name} has a module that is not one of kernels`, {
      actual: String(cause),
      cause,
    });
  }
}
