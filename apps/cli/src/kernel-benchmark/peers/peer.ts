import type { Work } from '../work.ts';

/** A work that a library has prepared: weights loaded and packed, output allocated where its interface allows that. */
export interface PreparedWork {
  /** Does the work once. What is timed, with everything that its public interface costs. */
  run(): void | Promise<void>;
  /** The result of the last run, row-major, channels last. */
  result(): ArrayLike<number> | Promise<ArrayLike<number>>;
  dispose(): void | Promise<void>;
}

/** Another library that does the same work in the same process. */
export interface Peer {
  readonly name: PeerName;
  readonly version: string;
  /** @returns null when the library cannot do this work with that many threads. */
  prepare(work: Work, threads: number): Promise<PreparedWork | null>;
}

/** The libraries that this benchmark knows. */
export const PEER_NAMES = [
  'onnxruntime-node',
  'onnxruntime-web',
  'openblas',
  'tfjs-wasm',
  'litert.js',
  'jax-js',
] as const;

export type PeerName = (typeof PEER_NAMES)[number];

/** A peer, or why there is none. */
export type PeerResult =
  | { readonly peer: Peer }
  | { readonly name: PeerName; readonly reason: string; readonly remedy: string };
