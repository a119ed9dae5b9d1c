import {
  InvalidArgumentError,
  ShapeMismatchError,
  type StoredTensor,
  type TensorSpec,
  type WeightSource,
} from '@qedge/core';
import { assertJson, type ModelFileGraph } from './graph-json.ts';
import { findUnmetWeight } from './graph-weights.ts';
import type { ModelMetadata } from './header.ts';

/**
 * Bytes that a model file keeps beside the tensors and whose meaning is their user's: weights that were packed for some kernels, for
 * example. From 64 KiB on they begin at a multiple of 64 KiB of the file, otherwise at one of 64 bytes, so that a mapping of the file
 * can be used where it lies.
 */
export interface ModelSection {
  /** Unique among the sections of a file, not empty. */
  readonly key: string;
  readonly byteLength: number;
  /** The bytes in order, in any number of pieces that add up to `byteLength`. A piece is used before the next one is asked for. */
  read(): Iterable<Uint8Array>;
}

/** A model to be written. */
export interface ModelContent {
  readonly graph: ModelFileGraph;
  /**
   * All tensors of the model. A `ModelGraph` must find every weight that it mentions; others are kept too. Borrowed. A source
   * is asked for one tensor at a time, twice each, so that a model larger than memory can be written.
   */
  readonly tensors: readonly StoredTensor[] | WeightSource;
  readonly sections?: readonly ModelSection[];
  /** Any JSON object; `{}` when left out. */
  readonly metadata?: ModelMetadata;
}

/** How a model file is written. */
export interface ModelFileOptions {
  /**
   * `fast` (default): tensors as they are read at the speed of memory, from a mapping where they lie (version 2 of the format).
   * `smallest`: integer codes by an adaptive arithmetic coder where that saves bytes, and a header of few bytes (version 3). Reading takes some
   * 50 to 100 ns per code that is stored so, writing several times that. Numbers are stored and mapped as in `fast`.
   */
  readonly coding?: 'fast' | 'smallest';
}

/** @throws InvalidArgumentError */
export function validateFileOptions({ coding = 'fast' }: ModelFileOptions): 'fast' | 'smallest' {
  if (coding === 'fast' || coding === 'smallest') return coding;
  throw new InvalidArgumentError('Unknown coding of a model file', {
    expected: 'fast or smallest',
    actual: String(coding),
  });
}

/** Tensors that are loaded one at a time. */
export type TensorList = readonly { readonly name: string; load(): StoredTensor }[];

/** The tensors of a model in their order. */
export function listTensors(tensors: ModelContent['tensors']): TensorList {
  if ('load' in tensors) return tensors.names().map((name) => ({ name, load: () => tensors.load(name) }));
  return tensors.map((tensor) => ({ name: tensor?.name, load: () => tensor }));
}

/** @throws InvalidArgumentError for metadata that JSON cannot hold, or sections that cannot be. */
export function validateExtras(metadata: ModelMetadata, sections: readonly ModelSection[]): void {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw new InvalidArgumentError('Metadata is of the wrong kind', {
      expected: 'a JSON object',
      actual: typeof metadata,
    });
  }
  assertJson(metadata, 'metadata');
  const keys = new Set<string>();
  for (const { key, byteLength } of sections) {
    if (typeof key !== 'string' || key === '') {
      throw new InvalidArgumentError('A section needs a key', {
        expected: 'a non-empty string',
        actual: key,
      });
    }
    if (keys.has(key)) throw new InvalidArgumentError('Two sections share a key', { actual: key });
    keys.add(key);
    if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
      throw new InvalidArgumentError(`Section "${key}" has an impossible length`, {
        expected: 'an integer >= 0',
        actual: byteLength,
      });
    }
  }
}

/** @throws ShapeMismatchError when a `ModelGraph` mentions a weight that is not there with its shape. */
export function assertWeightsMet(
  graph: ModelFileGraph,
  shapes: ReadonlyMap<string, TensorSpec['shape']>,
): void {
  const unmet = findUnmetWeight(graph, (name) => shapes.get(name));
  if (!unmet) return;
  throw new ShapeMismatchError(`The graph needs a tensor "${unmet.name}" that is not given`, {
    expected: unmet.expected,
    actual: unmet.actual,
  });
}
