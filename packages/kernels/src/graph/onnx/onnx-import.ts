import {
  FileFormatError,
  InvalidArgumentError,
  type OperatorModel,
  QedgeError,
  ShapeMismatchError,
  UnsupportedError,
} from '@qedge/core';
import type { CustomOperators } from '../operators/custom-operator.ts';
import type { BoundInput } from './bind-inputs.ts';
import { customAttributes } from './custom-attributes.ts';
import { decodeTensor } from './decode-tensor.ts';
import { GraphEmitter } from './graph-emitter.ts';
import { findImportOperator } from './import-operators.ts';
import { type ImportedValue, isFoldable } from './imported-value.ts';
import { NodeContext } from './node-context.ts';
import type { OnnxGraph, OnnxModel, OnnxNode } from './onnx-model.ts';
import { asTyped } from './pointwise.ts';
import { qualifiedOperator } from './read-onnx.ts';
import { tensorValue } from './shape-operators.ts';

/** Failures that one error tells in full; more are counted. */
const MOST_NAMED_FAILURES = 20;

/** Axes of any value. */
const MOST_AXES = 32;

/** Values of a graph and of those around it; null for one that could not be made. */
class Scope {
  readonly #own = new Map<string, ImportedValue | null>();
  readonly #outer: Scope | null;

  constructor(outer: Scope | null) {
    this.#outer = outer;
  }

  /** @throws FileFormatError for a name that has a value already, UnsupportedError for too many axes. */
  set(name: string, value: ImportedValue | null): void {
    if (this.#own.has(name)) throw new FileFormatError('A value is made twice', { actual: name });
    if (value !== null && value.shape.length > MOST_AXES)
      throw new UnsupportedError(`Value ${name} has too many axes`, {
        expected: `at most ${MOST_AXES}`,
        actual: value.shape.length,
      });
    this.#own.set(name, value);
  }

  /** @throws FileFormatError for a name that nothing before has made. */
  get(name: string): ImportedValue | null {
    const value = this.#own.get(name);
    if (value !== undefined) return value;
    if (this.#outer !== null) return this.#outer.get(name);
    throw new FileFormatError('A value is read that no node before has made', { actual: name });
  }
}

/** One import: interprets the nodes in their order, on known numbers where it can and by adding operators where not. */
export class OnnxImport {
  readonly #model: OnnxModel;
  readonly #customs: CustomOperators;
  readonly #emitter: GraphEmitter;
  /** What is not imported, with the nodes. */
  readonly #missing: { readonly operator: string; readonly node: string; readonly reason: string }[] = [];

  constructor(model: OnnxModel, customs: CustomOperators) {
    this.#model = model;
    this.#customs = customs;
    this.#emitter = new GraphEmitter(model.graph.name || 'onnx', customs);
  }

  /** @throws UnsupportedError naming all that is missing. */
  run(inputs: readonly BoundInput[]): OperatorModel {
    const scope = new Scope(null);
    for (const { name, type, shape, known } of inputs)
      scope.set(name, known ?? this.#emitter.input(name, type, shape));
    this.#interpret(this.#model.graph, scope);
    this.#reportMissing();
    const outputs = this.#model.graph.outputs.map(({ name }) => {
      const node = {
        name,
        operator: 'output',
        domain: '',
        inputs: [name],
        outputs: [name],
        attributes: new Map(),
      };
      return { name, value: asTyped(this.#context(node, []), scope.get(name)!), node };
    });
    return this.#emitter.finish(outputs);
  }

  #interpret(graph: OnnxGraph, scope: Scope): void {
    const context = {
      decode: (tensor: Parameters<typeof decodeTensor>[0]) => decodeTensor(tensor, this.#model.externalData),
    };
    for (const tensor of graph.initializers) scope.set(tensor.name, tensorValue(context, tensor));
    for (const node of graph.nodes) {
      const outputs = this.#interpretNode(node, scope);
      for (const [index, name] of node.outputs.entries()) {
        if (name === '') continue;
        const value = outputs === null ? null : outputs[index];
        if (value === undefined) {
          throw new InvalidArgumentError(`Node "${node.name}" (${node.operator}) has no output ${index}`, {
            expected: `${outputs!.length} outputs`,
            actual: name,
          });
        }
        scope.set(name, value);
        if (value !== null) this.#emitter.remember(value, name);
      }
    }
  }

  /** Null when it could not be imported, or needs what could not. */
  #interpretNode(node: OnnxNode, scope: Scope): readonly (ImportedValue | null)[] | null {
    const operator = qualifiedOperator(node.domain, node.operator);
    const inputs = node.inputs.map((name) => (name === '' ? undefined : scope.get(name)));
    const known = Object.hasOwn(this.#customs, operator) || operator === 'If' || findImportOperator(operator);
    if (!known) return this.#miss(node, operator, '');
    // What comes after a node that is missing cannot be looked at.
    if (inputs.includes(null)) return null;
    const values = inputs.map((input) => input ?? null);
    try {
      return this.#importNode(node, operator, values, scope);
    } catch (error) {
      if (error instanceof UnsupportedError) return this.#miss(node, operator, error.message);
      throw withNode(error, node);
    }
  }

  #importNode(
    node: OnnxNode,
    operator: string,
    inputs: readonly (ImportedValue | null)[],
    scope: Scope,
  ): readonly (ImportedValue | null)[] | null {
    const context = this.#context(node, inputs);
    if (Object.hasOwn(this.#customs, operator)) {
      const attributes = customAttributes(node, this.#model.externalData);
      const typed = inputs.map((input) => input && asTyped(context, input));
      return context.emitAll({ kind: 'custom', operator, attributes }, typed);
    }
    if (operator === 'If') return this.#takeBranch(context, scope);
    const outputs = findImportOperator(operator)!(context);
    return Array.isArray(outputs) ? outputs : [outputs as ImportedValue];
  }

  /** The outputs of the branch that a known condition chooses. */
  #takeBranch(context: NodeContext, scope: Scope): readonly (ImportedValue | null)[] {
    const condition = context.input(0);
    if (!isFoldable(condition) || condition.constant.elements !== 1) {
      throw new UnsupportedError('The condition of an If is computed', {
        expected: 'a condition that is known when the model is imported',
        remedy: 'If it depends on an input, give the input under constants.',
      });
    }
    const taken = condition.constant.numbers()[0] !== 0 ? 'then_branch' : 'else_branch';
    const branch = context.node.attributes.get(taken)?.graph;
    if (!branch) throw new FileFormatError('An If lacks a branch', { expected: taken });
    const inner = new Scope(scope);
    this.#interpret(branch, inner);
    return branch.outputs.map(({ name }) => inner.get(name));
  }

  #context(node: OnnxNode, inputs: readonly (ImportedValue | null)[]): NodeContext {
    const version = this.#model.operatorSets.get(node.domain) ?? 1;
    return new NodeContext(this.#emitter, node, version, inputs, this.#model.externalData);
  }

  #miss(node: OnnxNode, operator: string, reason: string): null {
    this.#missing.push({ operator, node: node.name || node.outputs.join(', '), reason });
    return null;
  }

  #reportMissing(): void {
    if (this.#missing.length === 0) return;
    const named = this.#missing.slice(0, MOST_NAMED_FAILURES).map(({ operator, node, reason }) => {
      return reason === '' ? `${operator} (node "${node}")` : `node "${node}" (${operator}): ${reason}`;
    });
    const more = this.#missing.length - named.length;
    const list = `${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
    throw new UnsupportedError(`The model has operators that are not imported: ${list}`, {
      remedy: 'Provide { infer, evaluate } for each under customs.',
      facts: { missing: this.#missing },
    });
  }
}

/** The error with the node in its message; one from the graph names its node already. */
function withNode(error: unknown, { name, operator, outputs }: OnnxNode): unknown {
  if (!(error instanceof QedgeError)) return error;
  const message = `Node "${name || outputs.join(', ')}" (${operator}): ${error.message}`;
  const details = { facts: { ...error.facts, node: name }, cause: error };
  if (error instanceof ShapeMismatchError) return new ShapeMismatchError(message, details);
  if (error instanceof FileFormatError) return new FileFormatError(message, details);
  return error instanceof InvalidArgumentError ? new InvalidArgumentError(message, details) : error;
}
