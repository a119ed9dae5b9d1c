import {
  type DType,
  FileFormatError,
  InvalidArgumentError,
  type StoredTensor,
  type TensorSpec,
  UnsupportedError,
  UseAfterReleaseError,
  type WeightSource,
} from '@qedge/core';
import { assertLittleEndianHost } from '../model-file/little-endian.ts';
import { decodeWeight, LOADED_AS } from './decode-weight.ts';
import { parseTfjsManifest, type TfjsManifest, type TfjsWeightEntry, type WeightGroup } from './manifest.ts';
import { type OpenShard, Shards } from './shards.ts';

/** Strings are skipped in pieces of this size. */
const SKIPPED_PIECE_BYTES = 65_536;
const STRING_LENGTH_BYTES = 4;

/** A group with the places of its weights, as far as they are known. */
interface OpenGroup {
  readonly group: WeightGroup;
  readonly shards: Shards;
  /** Where weight i begins; one more than there are weights when all are known. */
  readonly starts: number[];
}

/**
 * The weights of a TensorFlow.js model. Opening reads the manifest only; shards are opened when a weight in them is asked for, and
 * weights are decoded at each call.
 *
 * Weights have the dtype that the manifest says, float32 or int32, whatever their quantisation; truth values are int32. Strings and
 * complex numbers are refused when they are asked for; the others load.
 *
 * @example
 * const shards = new Map<string, Uint8Array>();
 * using weights = TfjsWeights.fromManifest(json, (path) => bytesInMemory(shards.get(path)!, path));
 * for (const path of weights.shardPaths()) shards.set(path, await download(path));
 * const { shape, data } = weights.load('dense/kernel');
 */
export class TfjsWeights implements WeightSource, Disposable {
  readonly #file: string;
  readonly #manifest: TfjsManifest;
  readonly #weights = new Map<string, { readonly group: OpenGroup; readonly index: number }>();
  readonly #groups: readonly OpenGroup[];
  #disposed = false;

  private constructor(file: string, manifest: TfjsManifest, openShard: OpenShard) {
    this.#file = file;
    this.#manifest = manifest;
    this.#groups = manifest.groups.map((group) => ({
      group,
      shards: new Shards(group.paths, openShard, file),
      starts: [0],
    }));
    for (const group of this.#groups) {
      for (const [index, { name }] of group.group.weights.entries())
        this.#weights.set(name, { group, index });
    }
  }

  /**
   * @param json a weights manifest, or the `model.json` that holds one.
   * @param openShard is called with paths as the manifest has them, checked to be relative; what it returns is disposed with the weights.
   * @param name for messages.
   * @throws FileFormatError for anything else.
   */
  static fromManifest(json: Uint8Array, openShard: OpenShard, name = 'The manifest'): TfjsWeights {
    assertLittleEndianHost();
    return new TfjsWeights(name, parseTfjsManifest(json, name), openShard);
  }

  /** The parsed `model.json` with its `modelTopology`, or null for a manifest by itself. Nothing in it but the manifest is checked. */
  get modelJson(): Readonly<Record<string, unknown>> | null {
    return this.#manifest.modelJson;
  }

  /** Of all groups, in order. */
  shardPaths(): readonly string[] {
    return this.#manifest.groups.flatMap(({ paths }) => paths);
  }

  /** In the order of the manifest. */
  names(): readonly string[] {
    return [...this.#weights.keys()];
  }

  has(name: string): boolean {
    return this.#weights.has(name);
  }

  /** How the weight is stored, whatever its dtype. @throws InvalidArgumentError for an unknown name. */
  entry(name: string): TfjsWeightEntry {
    const { group, index } = this.#locate(name);
    return group.group.weights[index]!;
  }

  /** What {@link load} gives. @throws InvalidArgumentError for an unknown name, UnsupportedError for strings and complex numbers. */
  spec(name: string): TensorSpec {
    const entry = this.entry(name);
    return { name, dtype: loadable(entry), shape: entry.shape };
  }

  /**
   * The weight, decoded anew at each call. It belongs to the caller, unless the shard is in memory: then it may be a view, not to be written to.
   *
   * @throws InvalidArgumentError for an unknown name, UnsupportedError for strings and complex numbers, FileFormatError when shards
   *   are too short, too long, or were changed, UseAfterReleaseError after `dispose`, what the provider of shards throws.
   */
  load(name: string): StoredTensor {
    return this.#decode(name, false, (tensor) => tensor);
  }

  /**
   * Lends the weight for the call of `use`: aligned float32 and int32 numbers of a mapped shard are not copied. The data must neither be written
   * to (that would end the process) nor kept.
   *
   * @throws what {@link load} throws.
   */
  borrow<Result>(name: string, use: (tensor: StoredTensor) => Result): Result {
    return this.#decode(name, true, use);
  }

  /** Closes the shards. Further calls do nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const { shards } of this.#groups) shards.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #locate(name: string): { readonly group: OpenGroup; readonly index: number } {
    const located = this.#weights.get(name);
    if (located) return located;
    throw new InvalidArgumentError(`${this.#file} has no weight "${name}"`, {
      expected: `one of ${this.names().join(', ') || 'none'}`,
      actual: name,
    });
  }

  #decode<Result>(name: string, lends: boolean, use: (tensor: StoredTensor) => Result): Result {
    const { group, index } = this.#locate(name);
    const entry = group.group.weights[index]!;
    const dtype = loadable(entry);
    if (this.#disposed) {
      throw new UseAfterReleaseError(`Weight "${name}" was asked of a model that is disposed`, {
        remedy: 'Keep the weights open while they are loaded',
      });
    }
    const start = startOf(group, index);
    const byteLength = entry.byteLength!;
    group.shards.reach(start + byteLength);
    if (group.shards.allOpened) this.#checkTotal(group);
    return group.shards.borrow(start, byteLength, (bytes, mayKeep) =>
      use({ name, dtype, shape: entry.shape, data: decodeWeight(entry, dtype, bytes, lends || mayKeep) }),
    );
  }

  #checkTotal(group: OpenGroup): void {
    const expected = startOf(group, group.group.weights.length);
    const actual = group.shards.openedByteLength;
    if (actual === expected) return;
    throw new FileFormatError(`${this.#file}: shards do not have the size of their weights`, {
      expected: `${expected} bytes in ${group.group.paths.join(', ')}`,
      actual: `${actual} bytes`,
    });
  }
}

/** Where a weight begins in its group. Only strings make this a matter of reading. */
function startOf({ group, shards, starts }: OpenGroup, index: number): number {
  while (starts.length <= index) {
    const { byteLength, shape } = group.weights[starts.length - 1]!;
    const start = starts.at(-1)!;
    starts.push(byteLength === null ? skipStrings(shards, start, shape) : start + byteLength);
  }
  return starts[index]!;
}

/** Each string is its length in bytes, an unsigned integer of 32 bits, and these bytes. */
function skipStrings(shards: Shards, start: number, shape: readonly number[]): number {
  let left = shape.reduce((product, size) => product * size, 1);
  let at = start;
  while (left > 0) {
    shards.reach(at + STRING_LENGTH_BYTES);
    const pieceBytes = Math.min(SKIPPED_PIECE_BYTES, shards.openedByteLength - at);
    shards.borrow(at, pieceBytes, (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      let position = 0;
      while (left > 0 && position + STRING_LENGTH_BYTES <= pieceBytes) {
        position += STRING_LENGTH_BYTES + view.getUint32(position, true);
        left--;
      }
      at += position;
    });
  }
  return at;
}

function loadable({ name, dtype }: TfjsWeightEntry): DType {
  const loadedAs = LOADED_AS[dtype];
  if (loadedAs) return loadedAs;
  throw new UnsupportedError(`Weight "${name}" has a dtype that cannot be loaded`, {
    expected: 'float32, int32 or bool',
    actual: dtype,
    facts: { weight: name },
  });
}
