/** Whether something optional is there, and if not, why and what to do. */
export interface Capability {
  /** Stable identifier, e.g. `koffi`, `wasm-simd`, `threads`, `webgpu`. */
  readonly name: string;
  readonly available: boolean;
  /** What was found (a version, an adapter's name, a path) or why it is missing. Never empty. */
  readonly reason: string;
  /** The command or step that would make it available; null when it is there or nothing can help. */
  readonly remedy: string | null;
}

/** A choice that fell short of what was asked; attached to results so that nobody is surprised. */
export interface Fallback {
  readonly from: string;
  readonly to: string;
  readonly why: string;
}
