/**
 * Magnitudes as tokens: those below 8 each have one, larger ones share one with those of the same highest three bits; the bits below are told
 * apart, as they are. A signed value has the token of its magnitude, negative where the value is.
 */

/** Magnitudes below this have tokens of their own. */
const FIRST_SHARED = 8;
const TOKENS_PER_OCTAVE = 4;

/** The token of a magnitude. */
export function tokenOf(magnitude: number): number {
  if (magnitude < FIRST_SHARED) return magnitude;
  const octave = 31 - Math.clz32(magnitude);
  return FIRST_SHARED + (octave - 3) * TOKENS_PER_OCTAVE + ((magnitude >> (octave - 2)) & 3);
}

/** How many bits a token leaves open. */
export function openBitsOf(token: number): number {
  return token < FIRST_SHARED ? 0 : ((token - FIRST_SHARED) >> 2) + 1;
}

/** The least magnitude of a token. */
export function leastMagnitudeOf(token: number): number {
  return token < FIRST_SHARED ? token : (TOKENS_PER_OCTAVE + (token & 3)) << openBitsOf(token);
}
