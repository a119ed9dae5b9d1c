import { denseLayout } from './layout/dense-layout.ts';
import { trivialLayout } from './layout/trivial-layout.ts';
import { vf2Layout, vf2PostLayout } from './layout/vf2-layout.ts';
import type { Pass } from './pass.ts';
import { checkGateDirection } from './passes/check-gate-direction.ts';
import { checkMap } from './passes/check-map.ts';
import { commutativeCancellation } from './passes/commutative-cancellation.ts';
import { consolidateBlocks } from './passes/consolidate-blocks.ts';
import { countOperations } from './passes/count-operations.ts';
import { depth } from './passes/depth.ts';
import { elidePermutations } from './passes/elide-permutations.ts';
import { gateDirection } from './passes/gate-direction.ts';
import { inverseCancellation } from './passes/inverse-cancellation.ts';
import { optimizeOneQubitGates } from './passes/optimize-one-qubit-gates.ts';
import { optimizeSwapBeforeMeasure } from './passes/optimize-swap-before-measure.ts';
import { removeBarriers } from './passes/remove-barriers.ts';
import { removeDiagonalGatesBeforeMeasure } from './passes/remove-diagonal-gates-before-measure.ts';
import { removeFinalReset } from './passes/remove-final-reset.ts';
import { removeIdentityEquivalent } from './passes/remove-identity-equivalent.ts';
import { removeResetInZeroState } from './passes/remove-reset-in-zero-state.ts';
import { simplifyResetAfterMeasure } from './passes/simplify-reset-after-measure.ts';
import { size } from './passes/size.ts';
import { twoQubitDepth } from './passes/two-qubit-depth.ts';
import { unrollThreeQubitGates } from './passes/unroll-three-qubit-gates.ts';
import { width } from './passes/width.ts';
import { basicSwap } from './routing/basic-swap.ts';
import { sabreLayout, sabreRouting } from './routing/sabre-routing.ts';
import { dynamicalDecoupling } from './scheduling/dynamical-decoupling.ts';
import { padDelay } from './scheduling/pad-delay.ts';
import { alapSchedule, asapSchedule } from './scheduling/schedule-passes.ts';
import { translateToBasis } from './translation/translate-to-basis.ts';

/**
 * The passes under the names that they have in Qiskit, for people who come from there. Optimize1qGates, CXCancellation and
 * CommutativeInverseCancellation are names for what later passes do better; Qiskit's `Layout` is no pass but the class
 * {@link Layout}.
 */
export const GUIDE_PASSES = {
  Optimize1qGates: optimizeOneQubitGates,
  Optimize1qGatesDecomposition: optimizeOneQubitGates,
  CommutativeCancellation: commutativeCancellation,
  CommutativeInverseCancellation: commutativeCancellation,
  InverseCancellation: inverseCancellation,
  CXCancellation: () => inverseCancellation(['cx']),
  RemoveResetInZeroState: removeResetInZeroState,
  RemoveFinalReset: removeFinalReset,
  ResetAfterMeasureSimplification: simplifyResetAfterMeasure,
  RemoveDiagonalGatesBeforeMeasure: removeDiagonalGatesBeforeMeasure,
  RemoveIdentityEquivalent: removeIdentityEquivalent,
  RemoveBarriers: removeBarriers,
  OptimizeSwapBeforeMeasure: optimizeSwapBeforeMeasure,
  ElidePermutations: elidePermutations,
  ConsolidateBlocks: consolidateBlocks,
  Unroll3qOrMore: unrollThreeQubitGates,
  BasisTranslator: translateToBasis,
  GateDirection: gateDirection,
  CheckGateDirection: checkGateDirection,
  CheckMap: checkMap,
  Depth: depth,
  TwoQubitDepth: twoQubitDepth,
  Width: width,
  Size: size,
  CountOps: countOperations,
  TrivialLayout: trivialLayout,
  DenseLayout: denseLayout,
  VF2Layout: vf2Layout,
  VF2PostLayout: vf2PostLayout,
  SabreLayout: sabreLayout,
  SabreSwap: sabreRouting,
  BasicSwap: basicSwap,
  ALAPScheduleAnalysis: alapSchedule,
  ASAPScheduleAnalysis: asapSchedule,
  PadDelay: padDelay,
  PadDynamicalDecoupling: dynamicalDecoupling,
} as const satisfies Record<string, (...options: never[]) => Pass>;
