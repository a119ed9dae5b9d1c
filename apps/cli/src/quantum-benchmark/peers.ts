import { CapabilityUnavailableError } from '@qedge/core';
import { PythonPeer } from '../python-peer.ts';
import type { Precision } from './cases.ts';

/** A way to run one peer: its settings differ from case to case. */
export interface PeerSetting {
  /** For tables: `qsim, f = 3`. */
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** A peer that evolves states, with all settings that might be its best. */
export interface EvolutionPeer {
  readonly name: string;
  readonly simulator: PythonPeer;
  readonly settings: readonly PeerSetting[];
  /** True where `run_fixed` tells what a call costs apart from the circuit. */
  readonly tellsFixedCost: boolean;
}

/** Where peers come from, and which of them could not be had. */
export class NativePeers implements Disposable {
  readonly missing = new Map<string, string>();
  readonly #started = new Map<string, PythonPeer | null>();
  readonly #python: string;
  readonly #script: string;

  /** @param python an interpreter with the peers; @param script the path of `serve.py`. */
  constructor(python: string, script: string) {
    this.#python = python;
    this.#script = script;
  }

  /** The process of a simulator, started once; null where it is not there. */
  async simulator(
    name: string,
    threads: number,
    options: readonly string[] = [],
  ): Promise<PythonPeer | null> {
    const key = [name, threads, ...options].join(' ');
    if (!this.#started.has(key)) {
      try {
        this.#started.set(key, await PythonPeer.start(this.#python, this.#script, name, threads, options));
      } catch (error) {
        if (!(error instanceof CapabilityUnavailableError)) throw error;
        this.missing.set(name, error.message);
        this.#started.set(key, null);
      }
    }
    return this.#started.get(key)!;
  }

  /** A process of its own, which the caller ends; null where the simulator is not there. */
  async fresh(name: string, threads: number): Promise<PythonPeer | null> {
    // The shared one tells whether it is there.
    if ((await this.simulator(name, threads)) === null) return null;
    return PythonPeer.start(this.#python, this.#script, name, threads);
  }

  /** The peers for whole states at a precision: qsim computes in float32, Qulacs in float64, Aer in both. */
  async evolutionPeers(
    precision: Precision,
    threads: number,
    qsimVariant: string | null,
  ): Promise<EvolutionPeer[]> {
    const peers: EvolutionPeer[] = [];
    const add = (name: string, simulator: PythonPeer | null, settings: readonly PeerSetting[]) => {
      if (simulator !== null) peers.push({ name, simulator, settings, tellsFixedCost: name === 'qsim' });
    };
    if (precision === 'f32') {
      const options = qsimVariant === null ? [] : [`variant=${qsimVariant}`];
      const settings = [2, 3, 4].map((fusion) => ({ name: `qsim, f = ${fusion}`, parameters: { fusion } }));
      add('qsim', await this.simulator('qsim', threads, options), settings);
      return peers;
    }
    const blocks = [0, 2].map((fusion) => ({
      name: fusion === 0 ? 'Qulacs' : `Qulacs, blocks of ${fusion}`,
      parameters: { fusion },
    }));
    add('qulacs', await this.simulator('qulacs', threads), blocks);
    add('aer', await this.simulator('aer', threads, ['precision=float64']), [
      { name: 'Aer', parameters: {} },
    ]);
    return peers;
  }

  [Symbol.dispose](): void {
    for (const simulator of this.#started.values()) simulator?.[Symbol.dispose]();
  }
}
