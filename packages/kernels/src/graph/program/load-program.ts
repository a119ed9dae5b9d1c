import { MEMORY_ALIGNMENT } from '@qedge/codegen';
import { FileFormatError } from '@qedge/core';
import type { LazyModel } from '@qedge/memory';
import type { MappedFile } from '@qedge/memory/node';
import type { KernelEngine } from '../../engine/kernel-engine.ts';
import { CompiledGraph } from '../compiled-graph.ts';
import { MappedWeights } from '../mapped-weights.ts';
import { guardTraps } from './guard-traps.ts';
import { missingWeights } from './missing-weights.ts';
import { fillFront, programParts } from './placed-program.ts';
import type { Program } from './program.ts';

/** WebAssembly maps whole pages of this size into a memory, and may need two more to align them. */
const OVERLAY_PAGE_BYTES = 65_536;

/** A file with a program. */
export interface ProgramFile {
  readonly file: MappedFile;
  readonly model: LazyModel;
}

/**
 * Loads a program into new memory of an engine for which it was generated. Packed weights are used where they lie in the file; where they
 * cannot be, they are copied.
 *
 * @throws CapabilityUnavailableError for features that the processor lacks, and for memory that cannot be had; FileFormatError for a program that does not
 *   fit its file.
 */
export function loadProgram(
  program: Program,
  engine: KernelEngine,
  { file, model }: ProgramFile,
): CompiledGraph {
  const { frontBytes, temporaryBytes } = program;
  const byteLength = frontBytes + temporaryBytes + weightBytes(engine, model) + 2 * MEMORY_ALIGNMENT;
  const { host, team, arena, lifetime } = engine.bindingContext(byteLength);
  const { byteOffset, address } = arena.allocate(frontBytes, 'a program');
  arena.temporary(temporaryBytes, 'the temporary bytes of a program');
  const { memory } = arena;
  if (program.report.threads > (team?.size ?? 1)) {
    throw new FileFormatError(`${file.name} has a program for more threads than it says`);
  }
  const kernels = host.loadEncoded(program.kernels, memory);
  const weights = new MappedWeights(file, model, arena, engine.isa);
  try {
    const weightAddresses = program.weights.map(({ key, byteLength: bytes }) => {
      const found = weights.find(key, bytes);
      if (found !== null) return found;
      throw missingWeights(file.name, key);
    });
    const endAddress = address + memory.byteLength - (memory.byteLength % MEMORY_ALIGNMENT);
    const places = { buffer: memory.buffer, byteOffset, address, endAddress, weightAddresses };
    fillFront(program, places, model);
    const runner = { kernels, team, lifetime, copiedWeightBytes: weights.copiedBytes };
    const guard = engine.isa.startsWith('wasm') ? { guard: guardTraps(file.name) } : {};
    return new CompiledGraph({
      ...programParts(program, places, { ...runner, ...guard }),
      verify: () => weights.verify(),
      onDispose: () => weights[Symbol.dispose](),
    });
  } catch (error) {
    weights[Symbol.dispose]();
    throw error;
  }
}

/** Machine code reads weights in the file; in WebAssembly they take the place of memory. */
function weightBytes({ isa }: KernelEngine, model: LazyModel): number {
  if (!isa.startsWith('wasm')) return copiedBytes(model);
  return copiedBytes(model) + 2 * OVERLAY_PAGE_BYTES;
}

/** Of all sections from the first to the last; memory that is not touched costs nothing. */
function copiedBytes(model: LazyModel): number {
  const sections = model.sectionKeys().map((key) => model.section(key)!);
  const end = Math.max(0, ...sections.map(({ byteOffset, byteLength }) => byteOffset + byteLength));
  const start = Math.min(end, ...sections.map(({ byteOffset }) => byteOffset));
  return (
    Math.ceil((end - start) / OVERLAY_PAGE_BYTES + 1) * OVERLAY_PAGE_BYTES +
    MEMORY_ALIGNMENT * sections.length
  );
}
