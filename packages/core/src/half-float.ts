/** The number that the 16 bits of an IEEE 754 half float stand for; exact. */
export function halfFloatToNumber(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bits of the half float nearest to a number, ties to even; beyond 65 519 those of an infinity. */
export function numberToHalfFloat(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65_520) return sign | 0x7c00;
  // The unit in the last place: numbers below 2^-14 share one.
  const exponent = Math.max(-14, exponentOf(size));
  const unit = 2 ** (exponent - 10);
  const steps = roundToEven(size / unit);
  // A carry into the next exponent gives the right bits by itself.
  return sign | ((exponent + 14) * 1024 + steps);
}

/** The largest `e` with `2^e <= size`; -Infinity for 0. */
function exponentOf(size: number): number {
  if (size === 0) return Number.NEGATIVE_INFINITY;
  let exponent = 0;
  for (let rest = size; rest >= 2; rest /= 2) exponent++;
  for (let rest = size; rest < 1 && exponent > -14; rest *= 2) exponent--;
  return exponent;
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
