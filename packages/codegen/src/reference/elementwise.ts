import type { ElementwiseOperation } from '../description/elementwise.ts';

const { fround } = Math;

/** One result of an elementwise operation before the activation, every step rounded to float32. */
export function referenceElementwise(
  operation: ElementwiseOperation,
  a: number,
  b: number,
  alpha: number,
): number {
  switch (operation) {
    case 'add':
      return fround(a + b);
    case 'subtract':
      return fround(a - b);
    case 'multiply':
      return fround(a * b);
    case 'divide':
      return fround(a / b);
    case 'maximum':
      if (a < b) return b;
      return a;
    case 'minimum':
      if (b < a) return b;
      return a;
    case 'scale-and-add':
      return fround(fround(fround(alpha) * a) + b);
  }
}
