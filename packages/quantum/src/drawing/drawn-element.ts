/** @file What a drawing is made of, the same for text and for SVG. */

/** A horizontal line. Classical registers are one wire each. */
export interface Wire {
  readonly kind: 'qubit' | 'classical';
  readonly label: string;
}

/** A box on one wire or across several; wires between that it does not act on are crossed without a number. */
export interface DrawnBox {
  readonly kind: 'gate' | 'measure' | 'flow';
  readonly first: number;
  readonly last: number;
  readonly label: string;
  /** The operand that each wire is, where the box has several. */
  readonly operands: ReadonlyMap<number, string>;
}

/** A sign on one wire. */
export type Mark =
  | { readonly kind: 'control'; readonly open: boolean }
  | { readonly kind: 'swap' }
  | { readonly kind: 'barrier' }
  /** The end of a double line at a classical wire, with the bit. */
  | { readonly kind: 'bit'; readonly label: string };

/** One step of a drawing: boxes and marks, joined by lines. */
export interface DrawnElement {
  /** The wires that nothing else may use in the same column. */
  readonly first: number;
  readonly last: number;
  readonly box: DrawnBox | null;
  readonly marks: ReadonlyMap<number, Mark>;
  /** A single line between two wires, null for none. */
  readonly link: readonly [number, number] | null;
  /** A double line from a box down to a classical wire. */
  readonly doubleLink: readonly [number, number] | null;
}

/** Elements that stand above each other. */
export type Column = DrawnElement[];

/** A circuit arranged for drawing. */
export interface CircuitLayout {
  readonly wires: readonly Wire[];
  readonly columns: readonly Column[];
  /** What stands above the wires: the global phase. Empty for nothing. */
  readonly heading: string;
}

/** The largest size of some parts, 0 where there are none; without spreading, since there may be a million. */
export function largestOf<Part>(parts: Iterable<Part>, size: (part: Part) => number): number {
  let largest = 0;
  for (const part of parts) largest = Math.max(largest, size(part));
  return largest;
}
