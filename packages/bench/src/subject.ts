/** Something whose speed is of interest. */
export interface Subject {
  /** For people and reports; unique within one comparison. */
  readonly name: string;
  /**
   * Does the work once. Synchronous subjects are timed in a tight loop; a subject that returns a promise is awaited call by
   * call, so that its figures include one turn of the microtask queue.
   */
  run(): void | Promise<void>;
  /**
   * Throws when the result of the latest `run` is wrong. Called once before and once after the timing, never during it, so
   * that fast nonsense cannot win and a result that decays is noticed.
   */
  check?(): void | Promise<void>;
}
