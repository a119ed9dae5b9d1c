import type { Operator, OperatorNode, OperatorOf } from '@qedge/core';

/** A node whose kind is known. */
export type NodeOfKind<Kind extends Operator['kind']> = OperatorNode & {
  readonly operator: OperatorOf<Kind>;
};

/** The node if it is of this kind; else undefined. */
export function nodeOfKind<Kind extends Operator['kind']>(
  node: OperatorNode | undefined,
  kind: Kind,
): NodeOfKind<Kind> | undefined {
  return node?.operator.kind === kind ? (node as NodeOfKind<Kind>) : undefined;
}
