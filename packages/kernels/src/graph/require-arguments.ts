import { InvalidArgumentError, type OperatorGraph, type OperatorModel, type ValueSpec } from '@qedge/core';

/** @throws InvalidArgumentError where something is no object. */
export function requireObject(what: string, value: unknown, expected: string): asserts value is object {
  if (typeof value === 'object' && value !== null) return;
  throw new InvalidArgumentError(`${what} is missing or of the wrong kind`, {
    expected,
    actual: value === null ? 'null' : typeof value,
  });
}

/** @throws InvalidArgumentError where something is no function. */
export function requireFunction(what: string, value: unknown): void {
  if (typeof value === 'function') return;
  throw new InvalidArgumentError(`${what} is missing or of the wrong kind`, {
    expected: 'a function',
    actual: value === null ? 'null' : typeof value,
  });
}

/** Looks at what is there, not at what is in it: that is the work of `validateGraph`. @throws InvalidArgumentError. */
export function requireOperatorGraph(graph: OperatorGraph): void {
  const expected = 'an operator graph, such as GraphBuilder makes';
  requireObject('The graph', graph, expected);
  const { inputs, outputs, constants, nodes, values } = graph;
  if ([inputs, outputs, constants, nodes].every(Array.isArray) && typeof values === 'object') return;
  throw new InvalidArgumentError('The graph is no operator graph', {
    expected,
    actual: Object.keys(graph).slice(0, 10),
  });
}

/** @throws InvalidArgumentError for what is no graph with weights. */
export function requireOperatorModel(model: OperatorModel): void {
  const expected = '{ graph, weights }, such as GraphBuilder, importOnnx and importLayersModel make';
  requireObject('The model', model, expected);
  requireOperatorGraph(model.graph);
  requireObject('The weights of the model', model.weights, expected);
  requireFunction('load of the weights of the model', model.weights.load);
}

/** @throws InvalidArgumentError for what is no dtype with a shape; the sizes are not looked at. */
export function requireSpec(what: string, spec: ValueSpec): void {
  requireObject(what, spec, '{ dtype, shape }');
  if (Array.isArray(spec.shape)) return;
  throw new InvalidArgumentError(`${what} has no shape`, { expected: 'a list of sizes', actual: spec.shape });
}
