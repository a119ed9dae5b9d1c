/** The largest error of rounding to float32, relative to the result where that is a normal number. */
export const UNIT_ROUNDOFF = 2 ** -24;
