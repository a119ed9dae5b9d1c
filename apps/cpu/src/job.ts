import type { Clock, Progress } from '@qedge/core';
import type { MetricRegistry, Tracer } from '@qedge/monitor';

/** What a person can choose about the main job. */
export interface MainJobOptions {
  /** Where the report goes; created if missing. */
  readonly outputDirectory: string;
  /** Fewer epochs: at most half a minute, lower accuracy. */
  readonly quick: boolean;
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** Called with the address when the live page is up. */
  readonly onServe?: (url: string) => void;
  /** Serve the live page while the job runs. */
  readonly serve?: boolean;
}

/** What every step of the main job is given. */
export interface Job {
  readonly quick: boolean;
  readonly seed: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly tracer: Tracer;
  readonly registry: MetricRegistry;
  /** Files are written here and moved to the output at the very end, so that an interrupted run leaves nothing. */
  readonly stagingDirectory: string;
  progress(progress: Progress): void;
}
