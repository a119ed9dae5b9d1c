import { InvalidArgumentError, UseAfterReleaseError } from '@qedge/core';
import { ThreadLostError } from '../errors.ts';
import type { LoadedKernel } from '../host/kernel-host.ts';
import { MEMORY_IMPORT } from '../wasm/module.ts';
import { CONTROL, FAILURE_TEXT_BYTES, RELEASE_ALL, THREAD_WORDS, TURNS_PER_CLOCK } from './control-words.ts';
import type { TeamMessage } from './worker-program.ts';

/** A kernel with the address of its argument block: what one thread does in one step. */
export interface TeamPart {
  readonly kernel: LoadedKernel;
  readonly block: number;
}

/**
 * Threads that run kernels together on shared memory. Only the thread that created the team uses it; the others never keep a process
 * alive.
 *
 * Giving work to a team pays when it saves more than it costs: work that takes `t` microseconds on one thread should be divided
 * among `n` threads when `t * (1 - 1 / n) > handoffMicroseconds`, and run on the calling thread otherwise.
 */
export interface ThreadTeam {
  /** Threads, the calling one included. */
  readonly size: number;
  /** Why there are fewer threads than were asked for; null when there are not. */
  readonly reason: string | null;
  /**
   * What it costs to wake all threads and to wait for them, in microseconds: the best of some runs when the team was created. A busy
   * machine only adds to it, and what is busy now need not be so later. 0 for one thread. Threads that have just worked are still awake and cost less.
   */
  readonly handoffMicroseconds: number;
  /**
   * A function that runs all parts at the same time, part 0 on the calling thread, and returns when all are done. It allocates
   * nothing but readings of the clock while it waits, and keeps kernels and their memory alive. It throws {@link ThreadLostError} when a thread fails or has ended;
   * UseAfterReleaseError after `dispose`.
   *
   * The calling thread spins for some microseconds, then sleeps. On the main thread of a browser, which may not sleep, it goes on
   * spinning.
   *
   * @throws InvalidArgumentError for more parts than threads, or kernels whose code or memory cannot be shared.
   */
  prepare(parts: readonly TeamPart[]): () => void;
  /** Like `prepare` for several steps, each of which begins when all parts of the one before are done. */
  prepareSteps(steps: readonly (readonly TeamPart[])[]): () => void;
  /** Ends the other threads. */
  dispose(): void;
  [Symbol.dispose](): void;
}

/** The other end of a worker. */
export interface TeamWorker {
  post(message: TeamMessage): void;
  /** False once the thread has ended; may look at the operating system, because events are not heard while a run waits. */
  isAlive(): boolean;
  /** Resolves when the thread has ended. */
  terminate(): Promise<unknown>;
}

/** Options of a team of threads. */
export interface ThreadTeamOptions {
  /**
   * How long a thread that waits spins before it sleeps, in microseconds; default 50, about as long as waking one takes. Where runs come from a
   * program that does other things in between, more of it finds the threads awake, and takes processor time.
   */
  readonly spinMicroseconds?: number;
}

/** How threads of a team wait. */
export interface Waiting {
  readonly spinMicroseconds: number;
  /** Lets another thread run on this core, where the host can: threads that wait for each other may share one. */
  readonly yieldThread: () => void;
}

/** How often a waiting thread looks whether the others still live. */
const CHECK_MILLISECONDS = 50;
/**
 * How long a thread may take to begin a run before it counts as lost. Counted in looks, not by the clock, so that a process that was
 * stopped (by a debugger, a frozen container) loses none.
 */
const BEGIN_LIMIT_MILLISECONDS = 10_000;
const BEGIN_LIMIT_CHECKS = BEGIN_LIMIT_MILLISECONDS / CHECK_MILLISECONDS;
const HANDOFF_SAMPLES = 32;

interface Plan {
  readonly id: number;
  readonly participants: number;
  /** Per step, the part of the calling thread. */
  readonly own: readonly (TeamPart | null)[];
  /** Everything that other threads use, kept alive. */
  readonly steps: readonly (readonly TeamPart[])[];
}

interface Pausing {
  readonly pause?: () => void;
}
const pause = (Atomics as Pausing).pause ?? (() => {});

/** A team whose workers have started. */
export class StartedTeam implements ThreadTeam {
  readonly reason: string | null;
  readonly handoffMicroseconds: number;
  readonly #workers: readonly TeamWorker[];
  readonly #words: Int32Array;
  readonly #canSleep: boolean;
  readonly #waiting: Waiting;
  /** Plans that nobody can run any more. */
  readonly #unused = new FinalizationRegistry<number>((plan) => this.#forget(plan));
  #plans = 0;
  #runs = 0;
  #refusal: Error | null = null;

  /**
   * @param control zeroed shared memory that the workers have been given.
   */
  constructor(
    workers: readonly TeamWorker[],
    control: ArrayBufferLike,
    reason: string | null,
    waiting: Waiting,
  ) {
    this.#workers = workers;
    this.#words = new Int32Array(control);
    this.#canSleep = workers.length > 0 && maySleep(this.#words);
    this.#waiting = waiting;
    this.reason = reason;
    this.handoffMicroseconds = workers.length > 0 ? this.#measureHandoff() : 0;
  }

  get size(): number {
    return this.#workers.length + 1;
  }

  prepare(parts: readonly TeamPart[]): () => void {
    return this.prepareSteps([parts]);
  }

  prepareSteps(steps: readonly (readonly TeamPart[])[]): () => void {
    this.#assertUsable();
    for (const parts of steps) this.#validate(parts);
    const plan = this.#createPlan(
      steps,
      steps.reduce((most, { length }) => Math.max(most, length), 1),
    );
    if (plan.participants === 1) return () => this.#runAlone(plan);
    this.#mail(plan);
    const run = () => this.#run(plan);
    this.#unused.register(run, plan.id);
    return run;
  }

  /** Called by the host's events, which come between runs, when a thread has ended. */
  reportEnd(thread: number, why: string): void {
    if (this.#refusal !== null) return;
    this.#lose(thread, why);
    this.#terminate(null);
  }

  dispose(): void {
    this.#refusal = new UseAfterReleaseError('A team of threads was used after dispose()', {
      remedy: 'Create another team.',
    });
    // Not by force: koffi ends the process when a thread is terminated while it makes a function of an address.
    for (let thread = 1; thread < this.size; thread++) this.#post(thread, { end: true });
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #assertUsable(): void {
    if (this.#refusal !== null) throw this.#refusal;
  }

  #validate(parts: readonly TeamPart[]): void {
    if (parts.length > this.size) {
      throw new InvalidArgumentError('A step has more parts than the team has threads', {
        expected: `at most ${this.size}`,
        actual: parts.length,
      });
    }
    parts.forEach(({ kernel, block }, thread) => {
      if (!Number.isSafeInteger(block) || block < 0) {
        throw new InvalidArgumentError('A part has an impossible address', {
          expected: 'the address of an argument block',
          actual: block,
        });
      }
      if (thread > 0 && kernel.portable === null) {
        throw new InvalidArgumentError('A kernel cannot run on another thread', {
          expected: 'machine code, or WebAssembly on shared memory',
          actual: kernel.key,
        });
      }
    });
  }

  #createPlan(steps: readonly (readonly TeamPart[])[], participants: number): Plan {
    this.#plans += 1;
    return { id: this.#plans, participants, own: steps.map((parts) => parts[0] ?? null), steps };
  }

  #mail({ id, participants, steps }: Plan): void {
    for (let thread = 1; thread < participants; thread++) {
      const own = steps.map(({ [thread]: part }) =>
        part ? { kernel: part.kernel.portable, block: part.block } : null,
      );
      this.#post(thread, { plan: id, participants, steps: own, memoryImport: MEMORY_IMPORT });
    }
  }

  #forget(plan: number): void {
    if (this.#refusal !== null) return;
    for (let thread = 1; thread < this.size; thread++) this.#post(thread, { forget: plan });
  }

  /**
   * Announces a message before it is sent: a worker returns to its event loop until it has handled all that were announced. It is
   * woken for that, or else messages to a worker that takes part in no run would pile up.
   */
  #post(thread: number, message: TeamMessage): void {
    const worker = this.#workers[thread - 1]!;
    Atomics.add(this.#words, CONTROL.mail + thread * THREAD_WORDS, 1);
    try {
      worker.post(message);
    } catch (error) {
      // Something must come, or the worker would wait for it.
      worker.post({ forget: 0 });
      throw error;
    } finally {
      this.#ring(thread);
    }
  }

  #runAlone({ own }: Plan): void {
    this.#assertUsable();
    for (let step = 0; step < own.length; step++) {
      const part = own[step];
      if (part) part.kernel.run(part.block);
    }
  }

  #run(plan: Plan): void {
    this.#assertUsable();
    const words = this.#words;
    const { participants, own } = plan;
    this.#runs = (this.#runs + 1) | 0;
    Atomics.store(words, CONTROL.arrived, 0);
    Atomics.store(words, CONTROL.plan, plan.id);
    for (let thread = 1; thread < participants; thread++) {
      Atomics.store(words, CONTROL.run + thread * THREAD_WORDS, this.#runs);
      this.#ring(thread);
    }
    let target = 0;
    for (let step = 0; step < own.length; step++) {
      const part = own[step];
      if (part) this.#runOwn(part, plan);
      target += participants;
      if (
        Atomics.add(words, CONTROL.arrived, 1) + 1 === target &&
        Atomics.load(words, CONTROL.sleepers) > 0
      ) {
        Atomics.notify(words, CONTROL.arrived);
      }
      if (!this.#spin(target)) this.#awaitArrivals(target, participants);
      if (Atomics.load(words, CONTROL.failed) !== 0) throw this.#giveUp(plan);
    }
  }

  /** Lets a worker look at `run` and `mail`. */
  #ring(thread: number): void {
    const words = this.#words;
    const at = thread * THREAD_WORDS;
    Atomics.add(words, CONTROL.bell + at, 1);
    if (Atomics.load(words, CONTROL.asleep + at) !== 0) Atomics.notify(words, CONTROL.bell + at);
  }

  #runOwn({ kernel, block }: TeamPart, plan: Plan): void {
    try {
      kernel.run(block);
    } catch (error) {
      this.#lose(0, `the kernel ${kernel.key} failed: ${(error as Error).message}`);
      throw this.#giveUp(plan);
    }
  }

  /** Whether all threads arrive soon. */
  #spin(target: number): boolean {
    let end = 0;
    for (let turn = 1; Atomics.load(this.#words, CONTROL.arrived) < target; turn++) {
      pause();
      if (turn % TURNS_PER_CLOCK !== 0) continue;
      this.#waiting.yieldThread();
      const now = performance.now();
      if (end === 0) end = now + this.#waiting.spinMicroseconds / 1000;
      else if (now > end) return false;
    }
    return true;
  }

  /** Waits until all threads have arrived, or one is lost. */
  #awaitArrivals(target: number, participants: number): void {
    const words = this.#words;
    let nextCheck = performance.now() + CHECK_MILLISECONDS;
    for (let checks = 0; ; ) {
      if (this.#canSleep) {
        Atomics.add(words, CONTROL.sleepers, 1);
        const seen = Atomics.load(words, CONTROL.arrived);
        if (seen < target) Atomics.wait(words, CONTROL.arrived, seen, CHECK_MILLISECONDS);
        Atomics.sub(words, CONTROL.sleepers, 1);
      }
      if (this.#spin(target) || Atomics.load(words, CONTROL.failed) !== 0) return;
      const now = performance.now();
      if (now < nextCheck) continue;
      nextCheck = now + CHECK_MILLISECONDS;
      checks += 1;
      this.#loseEnded(participants, checks > BEGIN_LIMIT_CHECKS);
    }
  }

  /** Frees the threads that wait for a lost one. */
  #lose(thread: number, why: string): void {
    this.#refusal ??= new ThreadLostError(`Thread ${thread} of a team of ${this.size} is lost: ${why}`, {
      remedy: 'Dispose the team and create another one.',
    });
    if (Atomics.compareExchange(this.#words, CONTROL.failed, 0, thread + 1) !== 0) return;
    Atomics.add(this.#words, CONTROL.arrived, RELEASE_ALL);
    Atomics.notify(this.#words, CONTROL.arrived);
  }

  #loseEnded(participants: number, isLate: boolean): void {
    for (let thread = 1; thread < participants; thread++) {
      const hasBegun = Atomics.load(this.#words, CONTROL.begun + thread * THREAD_WORDS) === this.#runs;
      if (!this.#workers[thread - 1]!.isAlive()) this.#lose(thread, 'it has ended');
      else if (isLate && !hasBegun) {
        this.#lose(thread, `it did not begin within ${BEGIN_LIMIT_MILLISECONDS / 1000} s`);
      }
    }
  }

  #giveUp(plan: Plan): Error {
    if (this.#refusal === null) {
      const thread = Atomics.load(this.#words, CONTROL.failed) - 1;
      this.#lose(thread, readFailure(this.#words));
    }
    this.#terminate(plan);
    return this.#refusal!;
  }

  /** Ends the workers. What they may still be using stays referenced until they have ended. */
  #terminate(used: Plan | null): void {
    const ended = Promise.allSettled(this.#workers.map((worker) => worker.terminate()));
    void ended.then(() => used);
  }

  #measureHandoff(): number {
    const plan = this.#createPlan([[]], this.size);
    this.#mail(plan);
    for (let warm = 0; warm < HANDOFF_SAMPLES; warm++) this.#run(plan);
    const samples: number[] = [];
    while (samples.length < HANDOFF_SAMPLES) {
      // Long enough for the workers to fall asleep.
      const start = performance.now() + (5 * this.#waiting.spinMicroseconds) / 1000;
      while (performance.now() < start) pause();
      const before = performance.now();
      this.#run(plan);
      samples.push((performance.now() - before) * 1000);
    }
    this.#forget(plan.id);
    return Math.min(...samples);
  }
}

/** False on the main thread of a browser. */
function maySleep(words: Int32Array): boolean {
  try {
    Atomics.wait(words, CONTROL.plan, Atomics.load(words, CONTROL.plan) + 1, 0);
    return true;
  } catch {
    return false;
  }
}

function readFailure(words: Int32Array): string {
  const at = words.byteLength - FAILURE_TEXT_BYTES;
  const length = Atomics.load(words, at / 4);
  return String.fromCharCode(...new Uint16Array(words.buffer, at + 4, length)) || 'it failed';
}
