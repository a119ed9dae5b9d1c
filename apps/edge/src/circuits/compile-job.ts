import type { OptimizationLevel } from '@qedge/quantum';

/** What the page asks of its worker. */
export interface CompileJob {
  readonly source: string;
  readonly couplings: 'line' | 'grid' | 'heavy-hex' | 'all';
  readonly basis: string;
  readonly level: OptimizationLevel;
  readonly seed: number;
}

/** How many gates a circuit has and how long its longest chain is. */
export interface CircuitSize {
  readonly gates: number;
  readonly twoQubitGates: number;
  readonly depth: number;
}

/** What the worker answers while it works, and at the end. */
export type CompileAnswer =
  | { readonly kind: 'pass'; readonly name: string }
  | { readonly kind: 'problem'; readonly message: string }
  | {
      readonly kind: 'result';
      readonly before: CircuitSize;
      readonly after: CircuitSize;
      readonly verified: string;
      readonly milliseconds: number;
      readonly text: string;
      /** Null when the drawing would be too large to look at. */
      readonly svg: string | null;
    };
