/** @file Values and derivatives of expression trees. */
import {
  addNodes,
  callNode,
  EXPRESSION_FUNCTIONS,
  type ExpressionFunction,
  type ExpressionNode,
  multiplyNodes,
  numberNode,
  raiseNode,
  scaleNode,
} from './expression-node.ts';

/** Computes a number from the values of all parameters. */
export type ExpressionProgram = (values: ArrayLike<number>) => number;

/** Builds a function that evaluates a tree; `indexOf` gives the place of a parameter's value. */
export function compileNode(node: ExpressionNode, indexOf: (name: string) => number): ExpressionProgram {
  switch (node.kind) {
    case 'number': {
      const { value } = node;
      return () => value;
    }
    case 'parameter': {
      const index = indexOf(node.name);
      return (values) => values[index]!;
    }
    case 'sum':
      return compileSum(node, indexOf);
    case 'product': {
      const factors = node.factors.map(([base, exponent]) => [compileNode(base, indexOf), exponent] as const);
      return (values) => {
        let product = 1;
        for (const [base, exponent] of factors) {
          const value = base(values);
          product *= exponent === 1 ? value : value ** exponent;
        }
        return product;
      };
    }
    case 'power': {
      const [base, exponent] = [compileNode(node.base, indexOf), compileNode(node.exponent, indexOf)];
      return (values) => base(values) ** exponent(values);
    }
    case 'call': {
      const apply = EXPRESSION_FUNCTIONS[node.function];
      const argument = compileNode(node.argument, indexOf);
      return (values) => apply(argument(values));
    }
  }
}

function compileSum(
  { constant, terms }: Extract<ExpressionNode, { kind: 'sum' }>,
  indexOf: (name: string) => number,
): ExpressionProgram {
  const [first] = terms;
  if (terms.length === 1 && first![1].kind === 'parameter') {
    const [coefficient, index] = [first![0], indexOf(first![1].name)];
    return (values) => coefficient * values[index]! + constant;
  }
  const parts = terms.map(([coefficient, term]) => [coefficient, compileNode(term, indexOf)] as const);
  return (values) => {
    let sum = 0;
    for (const [coefficient, term] of parts) sum += coefficient * term(values);
    return sum + constant;
  };
}

/** The derivative of each function at a tree. */
const DERIVATIVES: Readonly<Record<ExpressionFunction, (argument: ExpressionNode) => ExpressionNode>> = {
  sin: (x) => callNode('cos', x),
  cos: (x) => scaleNode(callNode('sin', x), -1),
  tan: (x) => addNodes(numberNode(1), raiseNode(callNode('tan', x), numberNode(2))),
  asin: (x) => raiseNode(oneMinusSquare(x), numberNode(-0.5)),
  acos: (x) => scaleNode(raiseNode(oneMinusSquare(x), numberNode(-0.5)), -1),
  atan: (x) => raiseNode(addNodes(numberNode(1), raiseNode(x, numberNode(2))), numberNode(-1)),
  exp: (x) => callNode('exp', x),
  log: (x) => raiseNode(x, numberNode(-1)),
  sqrt: (x) => scaleNode(raiseNode(callNode('sqrt', x), numberNode(-1)), 0.5),
  abs: (x) => callNode('sign', x),
  sign: () => numberNode(0),
};

function oneMinusSquare(x: ExpressionNode): ExpressionNode {
  return addNodes(numberNode(1), scaleNode(raiseNode(x, numberNode(2)), -1));
}

/** The derivative of a tree with respect to one parameter. */
export function differentiateNode(node: ExpressionNode, name: string): ExpressionNode {
  const derive = (child: ExpressionNode) => differentiateNode(child, name);
  switch (node.kind) {
    case 'number':
      return numberNode(0);
    case 'parameter':
      return numberNode(node.name === name ? 1 : 0);
    case 'sum':
      return node.terms.reduce(
        (sum, [coefficient, term]) => addNodes(sum, scaleNode(derive(term), coefficient)),
        numberNode(0),
      );
    case 'product':
      return node.factors.reduce((sum, [base, exponent], index) => {
        const outer = scaleNode(raiseNode(base, numberNode(exponent - 1)), exponent);
        const others = node.factors
          .filter((_, other) => other !== index)
          .reduce(
            (product, [factor, power]) => multiplyNodes(product, raiseNode(factor, numberNode(power))),
            multiplyNodes(outer, derive(base)),
          );
        return addNodes(sum, others);
      }, numberNode(0));
    case 'power': {
      // d(a**b) = a**b (b' log a + b a' / a)
      const logarithmic = addNodes(
        multiplyNodes(derive(node.exponent), callNode('log', node.base)),
        multiplyNodes(node.exponent, multiplyNodes(derive(node.base), raiseNode(node.base, numberNode(-1)))),
      );
      return multiplyNodes(node, logarithmic);
    }
    case 'call':
      return multiplyNodes(DERIVATIVES[node.function](node.argument), derive(node.argument));
  }
}

/** The parameters of a tree, in order of first appearance. */
export function collectNames(node: ExpressionNode, names = new Set<string>()): Set<string> {
  switch (node.kind) {
    case 'number':
      break;
    case 'parameter':
      names.add(node.name);
      break;
    case 'sum':
      for (const [, term] of node.terms) collectNames(term, names);
      break;
    case 'product':
      for (const [base] of node.factors) collectNames(base, names);
      break;
    case 'power':
      collectNames(node.base, names);
      collectNames(node.exponent, names);
      break;
    case 'call':
      collectNames(node.argument, names);
  }
  return names;
}
