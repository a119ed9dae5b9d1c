import { numberAt, readChannelAffine } from './channel-affine.ts';
import { composeExpression, operandsOf, reducedOverLast } from './composed-expression.ts';
import { affineForm } from './expressions/affine-form.ts';
import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { nodeOfKind } from './node-of-kind.ts';

/**
 * Finds layer normalisations that are written out, `(x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon)` over the last axis, and takes the factors
 * and terms per channel that follow one into it.
 */
export const recognizeLayerNormalizations: GraphPass = {
  name: 'recognize-layer-normalizations',
  rewrite(graph) {
    let recognized = 0;
    for (const original of graph.sortedNodes()) {
      const output = original.outputs[0]!;
      const node = nodeOfKind(graph.producer(output), 'pointwise');
      if (!node) continue;
      const found = findNormalization(graph, output);
      if (found) {
        const operator = { kind: 'layer-normalization', epsilon: found.epsilon } as const;
        graph.change(node, { operator, inputs: [found.input, null, null] });
      } else if (!foldIntoNormalization(graph, output)) {
        continue;
      }
      recognized++;
    }
    return recognized;
  },
};

interface Normalization {
  readonly input: string;
  readonly epsilon: number;
}

function findNormalization(graph: GraphEditor, value: string): Normalization | null {
  const quotient = operandsOf(graph, value, 'divide');
  if (quotient) return matchNormalization(graph, quotient[0], quotient[1], false);
  const product = operandsOf(graph, value, 'multiply');
  if (!product) return null;
  const [a, b] = product;
  return matchNormalization(graph, a, b, true) ?? matchNormalization(graph, b, a, true);
}

/** `centred` times or over what is made of its variance. */
function matchNormalization(
  graph: GraphEditor,
  centred: string,
  deviation: string,
  isReciprocal: boolean,
): Normalization | null {
  const difference = operandsOf(graph, centred, 'subtract');
  if (!difference || reducedOverLast(graph, difference[1], 'mean') !== difference[0]) return null;
  const { base, expression } = composeExpression(graph, deviation);
  const squares = reducedOverLast(graph, base, 'mean');
  if (squares === null || !isSquareOf(graph, squares, centred)) return null;
  let root = expression;
  if (isReciprocal) {
    if ('apply' in root && root.apply.kind === 'reciprocal') root = root.to;
    else if (
      'operation' in root &&
      root.operation === 'divide' &&
      'constant' in root.a &&
      root.a.constant === 1
    )
      root = root.b;
    else if (!('operation' in root && root.operation === 'power')) return null;
  }
  const exponent = isReciprocal && 'operation' in root ? -0.5 : 0.5;
  const variance =
    'apply' in root && root.apply.kind === 'square-root'
      ? root.to
      : 'operation' in root &&
          root.operation === 'power' &&
          'constant' in root.b &&
          root.b.constant === exponent
        ? root.a
        : null;
  if (variance === null) return null;
  const form = affineForm(variance);
  const isPlain = form.base !== null && 'input' in form.base && form.scale === 1 && form.shift >= 0;
  return isPlain ? { input: difference[0], epsilon: form.shift } : null;
}

function isSquareOf(graph: GraphEditor, squares: string, value: string): boolean {
  const node = nodeOfKind(graph.producer(squares), 'pointwise');
  if (!node || node.inputs.some((input) => input !== value)) return false;
  const { expression } = node.operator;
  if (!('operation' in expression)) return false;
  const { operation, a, b } = expression;
  if (!('input' in a)) return false;
  return operation === 'multiply'
    ? 'input' in b
    : operation === 'power' && 'constant' in b && b.constant === 2;
}

/** `y * gamma + beta` of a normalised value as a part of the normalisation. */
function foldIntoNormalization(graph: GraphEditor, output: string): boolean {
  const node = graph.producer(output)!;
  const affine = readChannelAffine(graph, node);
  const inner = affine && nodeOfKind(graph.producer(affine.input), 'layer-normalization');
  if (!inner || graph.onlyReader(affine.input) !== node) return false;
  const [input, gamma, beta] = inner.inputs;
  if ([gamma, beta].some((each) => each != null && !graph.isConstant(each))) return false;
  const [oldGamma, oldBeta] = [gamma, beta].map((each) => (each == null ? null : graph.constant(each).data));
  const channels = graph.spec(output).shape.at(-1)!;
  const constant = (what: string, number: (channel: number) => number) => {
    const data = Float32Array.from({ length: channels }, (_, channel) => number(channel));
    return graph.addConstant(`${inner.name}_${what}`, { dtype: 'float32', shape: [channels], data });
  };
  const { scale, shift } = affine;
  const newGamma = constant('gamma', (i) => (oldGamma?.[i] ?? 1) * numberAt(scale, i));
  const newBeta = constant('beta', (i) => (oldBeta?.[i] ?? 0) * numberAt(scale, i) + numberAt(shift, i));
  graph.change(inner, { inputs: [input!, newGamma, newBeta] });
  return graph.replaceValue(output, affine.input);
}
