/** One kind of observation, taken at every tick of {@link createProfilers}. */
export interface Profiler {
  /** Takes up observation; what happened before does not count. */
  start(nowMs: number): void;
  /** Writes what happened since the last tick into the registry. */
  sample(nowMs: number): void;
  /** Ends observation and frees what it holds. May be started again. */
  stop(): void;
}
