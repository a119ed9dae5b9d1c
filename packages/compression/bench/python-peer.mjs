/** @file Asks a tool in a Python process of its own; `answer_calls.py` of the peers tells how they talk. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export class PythonPeer {
  #child;
  #lines;
  version;

  constructor(child, lines, version) {
    this.#child = child;
    this.#lines = lines;
    this.version = version;
  }

  /** @returns the peer, or the reason why there is none. */
  static async start(python, script, name) {
    const child = spawn(python, [script, name, '--threads', '1'], { stdio: ['pipe', 'pipe', 'ignore'] });
    const failed = new Promise((resolve) => child.once('error', (error) => resolve({ value: null, error })));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = await Promise.race([lines.next(), failed]);
    const greeting = first.value
      ? JSON.parse(first.value)
      : { error: first.error?.message ?? 'it ended at once' };
    if (greeting.version) return new PythonPeer(child, lines, greeting.version);
    child.kill();
    return greeting.error;
  }

  async call(method, parameters) {
    this.#child.stdin.write(`${JSON.stringify({ call: method, ...parameters })}\n`);
    const { value, done } = await this.#lines.next();
    const answer = done ? { error: 'it ended' } : JSON.parse(value);
    if (answer.error !== undefined) throw new Error(`${this.version}, ${method}: ${answer.error}`);
    return answer.value;
  }

  stop() {
    this.#child.stdin.end();
  }
}
