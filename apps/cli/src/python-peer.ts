import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { CapabilityUnavailableError } from '@qedge/core';

/** A native library in a Python process of its own, which sleeps (is stopped) between calls so that it takes nothing from others. */
export class PythonPeer implements Disposable {
  readonly version: string;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #interface: Interface;

  private constructor(
    child: ChildProcess,
    lines: Interface,
    iterator: AsyncIterator<string>,
    version: string,
  ) {
    this.#process = child;
    this.#interface = lines;
    this.#lines = iterator;
    this.version = version;
    child.kill('SIGSTOP');
  }

  /**
   * @param python a Python interpreter; `script` the path of `serve.py`.
   * @param options settings of the peer, such as `variant=avx2`.
   * @throws CapabilityUnavailableError when Python, the script or the library is not there.
   */
  static async start(
    python: string,
    script: string,
    name: string,
    threads: number,
    options: readonly string[] = [],
  ): Promise<PythonPeer> {
    if (!existsSync(script)) {
      throw new CapabilityUnavailableError(`${name} cannot be started`, {
        expected: 'serve.py, of a folder below tooling/peers in the repository',
        actual: `nothing at ${script}`,
        remedy: 'Name its folder with --peers-from.',
      });
    }
    const settings = options.flatMap((option) => ['--option', option]);
    const child = spawn(python, [script, name, '--threads', String(threads), ...settings], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const failed = new Promise<never>((_, reject) => {
      child.once('error', (cause) =>
        reject(new CapabilityUnavailableError(`${name} cannot be started`, { actual: cause.message, cause })),
      );
    });
    const lines = createInterface({ input: child.stdout! });
    const iterator = lines[Symbol.asyncIterator]();
    const first = await Promise.race([iterator.next(), failed]);
    const greeting = first.done ? { error: 'it ended at once' } : (JSON.parse(first.value) as Greeting);
    if ('version' in greeting) return new PythonPeer(child, lines, iterator, greeting.version);
    lines.close();
    child.kill();
    throw new CapabilityUnavailableError(`${name} is not installed`, {
      actual: greeting.error,
      remedy: 'Create a virtual environment, install the requirements.txt beside serve.py, pass --python',
    });
  }

  /** Calls a method of the peer. @throws Error with what Python said. */
  async call<Value>(method: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<Value> {
    this.#process.kill('SIGCONT');
    this.#process.stdin!.write(`${JSON.stringify({ call: method, ...parameters })}\n`);
    const line = await this.#lines.next();
    if (line.done) throw new Error(`${this.version} ended during "${method}"`);
    this.#process.kill('SIGSTOP');
    const answer = JSON.parse(line.value) as { readonly value?: Value; readonly error?: string };
    if (answer.error !== undefined) throw new Error(`${this.version}: ${answer.error}`);
    return answer.value as Value;
  }

  [Symbol.dispose](): void {
    this.#process.kill('SIGCONT');
    this.#interface.close();
    this.#process.kill('SIGKILL');
  }
}

type Greeting = { readonly version: string } | { readonly error: string };
