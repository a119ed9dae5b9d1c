import { InvalidArgumentError } from '@qedge/core';
import type { Circuit } from '../circuit/circuit.ts';
import type { PauliSum } from '../operator/pauli-sum.ts';
import type {
  CompiledCircuit,
  GradientMethod,
  Simulator,
  ValueAndGradient,
} from '../simulation/simulator.ts';

/** How many results an {@link ExpectationFunction} remembers unless told otherwise. */
const DEFAULT_CACHE_ENTRIES = 1024;

/**
 * The expectation value of an observable after a circuit, as a function of the circuit's parameters. Results are remembered by
 * the bits of all parameters (least recently used goes first), so asking twice for the same point costs one run.
 */
export class ExpectationFunction implements Disposable {
  readonly circuit: CompiledCircuit;
  readonly observable: PauliSum;
  readonly #cache = new Map<string, number>();
  readonly #cacheEntries: number;
  #evaluations = 0;
  #cacheHits = 0;

  /**
   * @param cacheEntries results to remember, an integer >= 0.
   * @throws InvalidArgumentError for a circuit that measures or resets, or whose qubits do not fit the observable, or a broken
   *   number of entries.
   */
  constructor(
    simulator: Simulator,
    circuit: Circuit,
    observable: PauliSum,
    cacheEntries = DEFAULT_CACHE_ENTRIES,
  ) {
    if (circuit.qubitCount !== observable.qubitCount) {
      throw new InvalidArgumentError('The observable does not fit the circuit', {
        expected: `${circuit.qubitCount} qubits`,
        actual: observable.qubitCount,
      });
    }
    if (!Number.isSafeInteger(cacheEntries) || cacheEntries < 0) {
      throw new InvalidArgumentError('A number of results to remember is out of range', {
        expected: 'an integer >= 0',
        actual: cacheEntries,
      });
    }
    const blocker = circuit.instructions.find(({ kind }) => kind === 'measure' || kind === 'reset');
    if (blocker) {
      throw new InvalidArgumentError('An expectation value needs a circuit of gates only', {
        actual: blocker.kind,
      });
    }
    this.circuit = simulator.compile(circuit);
    this.observable = observable;
    this.#cacheEntries = cacheEntries;
  }

  /** The names of the parameters, in the order of parameter vectors. */
  get parameterNames(): readonly string[] {
    return this.circuit.parameterNames;
  }

  /** Circuit runs so far, those of shifted gradients included. */
  get evaluations(): number {
    return this.#evaluations;
  }

  /** Results that were remembered instead of run. */
  get cacheHits(): number {
    return this.#cacheHits;
  }

  /** The value at a parameter vector, in the order of `parameterNames`. */
  evaluate(parameters: ArrayLike<number>): number {
    const values = Float64Array.from(parameters);
    const key = bitsOf(values);
    const known = this.#cache.get(key);
    if (known !== undefined) {
      this.#cacheHits++;
      this.#cache.delete(key);
      this.#cache.set(key, known);
      return known;
    }
    const value = this.circuit.expectation(this.observable, { parameters: values });
    this.#evaluations++;
    this.#cache.set(key, value);
    if (this.#cache.size > this.#cacheEntries) this.#cache.delete(this.#cache.keys().next().value!);
    return value;
  }

  /** The value and the gradient at a parameter vector. Only runs at shifted points count as evaluations. */
  differentiate(parameters: ArrayLike<number>, method: GradientMethod): ValueAndGradient {
    const result = this.circuit.gradient(this.observable, { parameters, method });
    if (method !== 'adjoint') this.#evaluations += result.evaluations;
    return result;
  }

  /** Gives the compiled circuit back. */
  dispose(): void {
    this.#cache.clear();
    this.circuit.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Every bit of the numbers, as a string: four characters a number. */
function bitsOf(values: Float64Array): string {
  const words = new Uint16Array(values.buffer, values.byteOffset, values.length * 4);
  let key = '';
  for (let start = 0; start < words.length; start += 4096) {
    key += String.fromCharCode(...words.subarray(start, start + 4096));
  }
  return key;
}
