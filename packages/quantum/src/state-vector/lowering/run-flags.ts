/** @file What is known of a run of one-qubit gates, whatever its angles: a sum of these, or 0 where there is none. */

/** There is one. */
export const RUN = 1;
/** It may need a phase before its rotation, or after it. */
export const BEFORE = 2;
export const AFTER = 4;
/** It is one Hadamard gate: a flip and a rotation, without a sign. */
export const HADAMARD = 8;
/** All of it turns about X: no phases, though as a rotation about Y it would need both. */
export const ABOUT_X = 16;
