/** The nearest integer; a tie goes to the even one. */
function nearestEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Centred codes of float32 values: `clamp(nearestEven(fround(x / fround(scale))), -zeroPoint, 255 - zeroPoint)`, that is
 * the uint8 code minus the zero point. NaN becomes 0.
 */
export function referenceQuantize(
  x: Float32Array,
  scale: number,
  zeroPoint: number,
  codes: Int16Array,
): void {
  const divisor = Math.fround(scale);
  for (let i = 0; i < x.length; i++) {
    const code = nearestEven(Math.fround(x[i]! / divisor));
    codes[i] = Number.isNaN(code) ? 0 : Math.max(-zeroPoint, Math.min(255 - zeroPoint, code));
  }
}
