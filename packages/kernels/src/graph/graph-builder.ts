import {
  elementCount,
  InvalidArgumentError,
  type Operator,
  type OperatorGraph,
  type OperatorModel,
  type OperatorNode,
  QedgeError,
  ShapeMismatchError,
  UnsupportedError,
  type ValueSpec,
} from '@qedge/core';
import { constantWeights, type GraphConstant } from './constant-weights.ts';
import type { CustomOperators } from './operators/custom-operator.ts';
import { VALUE_ARRAYS, type ValueData } from './operators/operator-definition.ts';
import { inferOperator } from './operators/registry.ts';
import { requireFunction, requireObject, requireSpec } from './require-arguments.ts';

/** Options of {@link GraphBuilder}. */
export interface GraphBuilderOptions {
  /** Operators of the user that nodes of kind `custom` name. */
  readonly customs?: CustomOperators;
}

/** Options of {@link GraphBuilder.add}. */
export interface AddNodeOptions {
  /** For people; default: the operator's kind. Made unique. */
  readonly name?: string;
  /** Names for the outputs, as many as the operator has; default: from the node's name. Made unique. */
  readonly outputs?: readonly string[];
}

/**
 * Makes an operator model node by node, with the shapes of all values inferred and every name unique.
 *
 * @example
 * const builder = new GraphBuilder('line');
 * const x = builder.input('x', { dtype: 'float32', shape: [1, 2] });
 * const w = builder.constant('w', { dtype: 'float32', shape: [2, 1], data: Float32Array.of(3, 4) });
 * const [y] = builder.add({ kind: 'matmul', transposeA: false, transposeB: false, alpha: 1, activation: null }, [x, w]);
 * builder.output(y);
 * const model = builder.finish();
 */
export class GraphBuilder {
  readonly name: string;
  readonly #customs: CustomOperators;
  readonly #inputs: string[] = [];
  readonly #outputs: string[] = [];
  readonly #nodes: OperatorNode[] = [];
  readonly #nodeNames = new Set<string>();
  readonly #values = new Map<string, ValueSpec>();
  readonly #constants = new Map<string, GraphConstant>();
  /** For each name that was taken, the next number to try. */
  readonly #suffixes = new Map<string, number>();

  /** @throws InvalidArgumentError for a name that is no text. */
  constructor(name: string, options: GraphBuilderOptions = {}) {
    if (typeof name !== 'string') {
      throw new InvalidArgumentError('A graph needs a name', { expected: 'text', actual: typeof name });
    }
    this.name = name;
    this.#customs = options.customs ?? {};
  }

  /**
   * An input of the graph. Its name is kept as it is.
   *
   * @throws InvalidArgumentError when a value has this name, or the spec is none.
   */
  input(name: string, spec: ValueSpec): string {
    if (this.#values.has(name)) {
      throw new InvalidArgumentError('A value has this name already', {
        expected: 'another name',
        actual: name,
      });
    }
    this.#define(name, spec);
    this.#inputs.push(name);
    return name;
  }

  /**
   * A constant with its numbers, which are copied.
   *
   * @returns its name: the given one, with a number behind it when that is taken.
   * @throws InvalidArgumentError or ShapeMismatchError when dtype, shape and data disagree.
   */
  constant(name: string, value: ValueData): string {
    requireSpec(`The constant "${name}"`, value);
    const { dtype, shape, data } = value;
    const spec = { dtype, shape };
    requireDtype(name, dtype);
    if (!(data instanceof VALUE_ARRAYS[dtype])) {
      throw new InvalidArgumentError(`The constant "${name}" has other data`, {
        expected: VALUE_ARRAYS[dtype].name,
        actual: Object.prototype.toString.call(data).slice(8, -1),
      });
    }
    if (data.length !== elementCount(shape)) {
      throw new ShapeMismatchError(`The constant "${name}" has another number of elements`, {
        expected: elementCount(shape),
        actual: data.length,
      });
    }
    const copy = data.slice();
    return this.constantFrom(name, spec, () => copy);
  }

  /**
   * A constant whose numbers are fetched when they are needed, every time.
   *
   * @param load gives the numbers, as the array of the dtype, row-major. They may be shared memory and are not written.
   * @returns its name, as {@link constant}.
   */
  constantFrom(name: string, spec: ValueSpec, load: () => ValueData['data']): string {
    requireFunction(`The second argument of the constant "${name}"`, load);
    const unique = this.#unique(name, this.#values);
    this.#define(unique, spec);
    this.#constants.set(unique, { spec: this.#values.get(unique)!, load });
    return unique;
  }

  /** The numbers of a constant, lent; null for a value that is none. */
  constantValue(name: string): ValueData | null {
    const constant = this.#constants.get(name);
    return constant === undefined ? null : { ...constant.spec, data: constant.load() };
  }

  /**
   * A node behind those that were added before.
   *
   * @param inputs names of values; null for an optional one that is left out.
   * @returns the names of its outputs, in order.
   * @throws InvalidArgumentError, ShapeMismatchError or UnsupportedError naming the node.
   */
  add(
    operator: Operator,
    inputs: readonly (string | null)[],
    options: AddNodeOptions = {},
  ): [string, ...string[]] {
    requireObject('The operator', operator, 'an operator, such as { kind: "softmax", log: false }');
    requireInputs(inputs);
    const name = this.#unique(options.name ?? operator.kind, this.#nodeNames);
    const inferred = this.#infer(name, operator, inputs);
    const given = options.outputs;
    if (given && given.length !== inferred.length) {
      throw new InvalidArgumentError(`The node "${name}" has another number of outputs`, {
        expected: inferred.length,
        actual: given.length,
      });
    }
    const outputs = inferred.map((spec, i) => {
      const wanted = given?.[i] ?? (inferred.length === 1 ? name : `${name}:${i}`);
      const unique = this.#unique(wanted, this.#values);
      this.#define(unique, spec);
      return unique;
    });
    this.#nodeNames.add(name);
    this.#nodes.push({ name, operator, inputs: [...inputs], outputs });
    return outputs as [string, ...string[]];
  }

  /** What is known of a value. @throws InvalidArgumentError when there is none of this name. */
  spec(name: string): ValueSpec {
    const spec = this.#values.get(name);
    if (spec) return spec;
    throw new InvalidArgumentError('Unknown value', {
      expected: 'a value that was defined before',
      actual: name,
    });
  }

  /** Makes a value an output of the graph, after those before. @throws InvalidArgumentError when it is none, or is one already. */
  output(name: string): void {
    this.spec(name);
    if (this.#outputs.includes(name)) {
      throw new InvalidArgumentError('The value is an output already', {
        expected: 'another value',
        actual: name,
      });
    }
    this.#outputs.push(name);
  }

  /**
   * The graph as it is now, with its constants.
   *
   * @throws InvalidArgumentError when it has no output.
   */
  finish(): OperatorModel {
    if (this.#outputs.length === 0) {
      throw new InvalidArgumentError('A graph needs an output', { expected: 'at least one', actual: 'none' });
    }
    const graph: OperatorGraph = {
      format: 'qedge-operator-graph',
      version: 1,
      name: this.name,
      inputs: [...this.#inputs],
      outputs: [...this.#outputs],
      constants: [...this.#constants.keys()],
      values: Object.fromEntries(this.#values),
      nodes: [...this.#nodes],
    };
    return { graph, weights: constantWeights(new Map(this.#constants)) };
  }

  #infer(name: string, operator: Operator, inputs: readonly (string | null)[]): readonly ValueSpec[] {
    return withNodeName(name, operator, () => {
      const specs = inputs.map((input) => (input === null ? null : this.spec(input)));
      return inferOperator(operator, specs, this.#customs);
    });
  }

  #define(name: string, spec: ValueSpec): void {
    if (typeof name !== 'string' || name === '') {
      throw new InvalidArgumentError('A value needs a name', {
        expected: 'text',
        actual: name || typeof name,
      });
    }
    requireSpec(`The value "${name}"`, spec);
    const { dtype, shape } = spec;
    requireDtype(name, dtype);
    elementCount(shape);
    this.#values.set(name, { dtype, shape: [...shape] });
  }

  #unique(name: string, taken: { has(name: string): boolean }): string {
    if (!taken.has(name)) return name;
    for (let i = this.#suffixes.get(name) ?? 1; ; i++) {
      const candidate = `${name}_${i}`;
      if (taken.has(candidate)) continue;
      this.#suffixes.set(name, i);
      return candidate;
    }
  }
}

function requireDtype(name: string, dtype: string): void {
  if (Object.hasOwn(VALUE_ARRAYS, dtype)) return;
  throw new InvalidArgumentError(`The value "${name}" has an unknown dtype`, {
    expected: Object.keys(VALUE_ARRAYS).join(', '),
    actual: dtype,
  });
}

function requireInputs(inputs: unknown): void {
  if (Array.isArray(inputs)) return;
  throw new InvalidArgumentError('The inputs of a node are of the wrong kind', {
    expected: 'a list of names, or null for those that are left out',
    actual: typeof inputs,
  });
}

/** Runs `work`, and adds the node's name and kind to what it throws. */
export function withNodeName<Result>(name: string, operator: Operator, work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    const kind = operator.kind === 'custom' ? `custom "${operator.operator}"` : operator.kind;
    const message = `Node "${name}" (${kind}): ${cause instanceof Error ? cause.message : String(cause)}`;
    const facts = cause instanceof QedgeError ? { ...cause.facts, node: name } : { node: name };
    if (cause instanceof ShapeMismatchError) throw new ShapeMismatchError(message, { facts, cause });
    if (cause instanceof UnsupportedError) throw new UnsupportedError(message, { facts, cause });
    throw new InvalidArgumentError(message, { facts, cause });
  }
}
