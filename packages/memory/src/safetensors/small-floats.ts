/** How the bits of a float of 8 bits or less are divided, and what its special codes mean. */
interface SmallFloatFormat {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly bias: number;
  /**
   * `ieee`: the largest exponent holds infinities and NaNs; `all-ones`: only the code with all bits set (of either sign) is NaN;
   * `negative-zero`: the code of -0 is the only NaN.
   */
  readonly special: 'ieee' | 'all-ones' | 'negative-zero';
}

/**
 * Formats of the OCP 8-bit floating point specification (E5M2, E4M3) and of their variants without infinities and -0 ("FNUZ",
 * Noune et al., arXiv:2206.02915).
 */
const FORMATS = {
  F8_E5M2: { exponentBits: 5, mantissaBits: 2, bias: 15, special: 'ieee' },
  F8_E4M3: { exponentBits: 4, mantissaBits: 3, bias: 7, special: 'all-ones' },
  F8_E5M2FNUZ: { exponentBits: 5, mantissaBits: 2, bias: 16, special: 'negative-zero' },
  F8_E4M3FNUZ: { exponentBits: 4, mantissaBits: 3, bias: 8, special: 'negative-zero' },
} as const satisfies Readonly<Record<string, SmallFloatFormat>>;

/** Formats whose codes fill a byte. `F8_E8M0` is a power of two without sign (OCP microscaling formats). */
export type SmallFloatName = keyof typeof FORMATS | 'F8_E8M0';

/** The 256 numbers of a format, by code; each is a float32 exactly. */
export function smallFloatValues(name: SmallFloatName): Float32Array {
  if (name === 'F8_E8M0') {
    return Float32Array.from({ length: 256 }, (_, code) => (code === 255 ? Number.NaN : 2 ** (code - 127)));
  }
  return Float32Array.from({ length: 256 }, (_, code) => decode(code, FORMATS[name]));
}

function decode(code: number, { exponentBits, mantissaBits, bias, special }: SmallFloatFormat): number {
  const mantissa = code & (2 ** mantissaBits - 1);
  const exponent = (code >> mantissaBits) & (2 ** exponentBits - 1);
  const sign = code & 0x80 ? -1 : 1;
  if (special === 'negative-zero' && code === 0x80) return Number.NaN;
  if (special === 'all-ones' && (code & 0x7f) === 0x7f) return Number.NaN;
  if (special === 'ieee' && exponent === 2 ** exponentBits - 1) {
    return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  }
  if (exponent === 0) return sign * mantissa * 2 ** (1 - bias - mantissaBits);
  return sign * (1 + mantissa / 2 ** mantissaBits) * 2 ** (exponent - bias);
}
