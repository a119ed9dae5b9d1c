/** @file Rotations with free angles as gates of a basis: a list of turns about two axes in turn, each written as the basis can. */
import type { GateStep } from '../../circuit/gate-definition.ts';
import { addAngles, type ParameterValue, scaleAngle, shiftAngle } from '../../circuit/parameter.ts';
import {
  type EulerBasis,
  eulerAnglesAbout,
  QUARTER_TURNS,
  type QuarterTurn,
  quarterTurns,
  ROUNDING_ANGLE,
  thirdAxis,
} from './euler-synthesis.ts';
import { type Axis, type Rotation, rotationAbout, wrapAngle } from './rotation.ts';

/** A turn by an angle that may have free parameters. */
export interface AxisTurn {
  readonly axis: Axis;
  readonly angle: ParameterValue;
}

/** Turns about the outer axis (at even places) and about the inner one, in order of time; the last one is about the outer axis. */
type Alternating = ParameterValue[];

/** Rotations and turns, in order of time, as gates of a basis. Which gates come out does not depend on values of free parameters. */
export function synthesizeTurns(items: readonly (Rotation | AxisTurn)[], basis: EulerBasis): GateStep[] {
  switch (basis) {
    case 'ZYZ':
    case 'ZXZ':
    case 'XYX':
    case 'XZX':
    case 'YXY':
    case 'YZY': {
      const [outer, inner] = [basis[0]!.toLowerCase() as Axis, basis[1]!.toLowerCase() as Axis];
      const angles = alternate(items, outer, inner);
      return angles.flatMap((angle, place) => turn(place % 2 === 0 ? `r${outer}` : `r${inner}`, angle));
    }
    case 'U':
      return generalGates(alternate(items, 'z', 'y'), 'u');
    case 'U3':
    case 'U321':
      return generalGates(alternate(items, 'z', 'y'), 'u3');
    case 'RR':
      return planeRotations(alternate(items, 'z', 'y'));
    default:
      return withQuarterTurns(alternate(items, 'z', 'y'), QUARTER_TURNS[basis]);
  }
}

function step(name: string, ...parameters: ParameterValue[]): GateStep {
  return { name, positions: [0], parameters: parameters.map(reduced) };
}

const reduced = (angle: ParameterValue) => (typeof angle === 'number' ? wrapAngle(angle) : angle);

const isNone = (angle: ParameterValue) =>
  typeof angle === 'number' && Math.abs(wrapAngle(angle)) < ROUNDING_ANGLE;

const turn = (name: string, angle: ParameterValue): GateStep[] => (isNone(angle) ? [] : [step(name, angle)]);

/** Everything as turns about two axes; the third axis is the inner one, turned by a quarter. */
function alternate(items: readonly (Rotation | AxisTurn)[], outer: Axis, inner: Axis): Alternating {
  const angles: Alternating = [0];
  const addOuter = (angle: ParameterValue) => {
    angles[angles.length - 1] = addAngles(angles.at(-1)!, angle);
  };
  const addInner = (angle: ParameterValue) => {
    if (isNone(angle)) return;
    if (angles.length >= 3 && isNone(angles.at(-1)!)) {
      angles[angles.length - 2] = addAngles(angles.at(-2)!, angle);
    } else angles.push(angle, 0);
  };
  const { sign } = thirdAxis(outer, inner);
  for (const item of items) {
    if (!('axis' in item)) {
      const { first, middle, last } = eulerAnglesAbout(item, outer, inner);
      addOuter(first);
      addInner(middle);
      addOuter(last);
    } else if (item.axis === outer) addOuter(item.angle);
    else if (item.axis === inner) addInner(item.angle);
    else {
      // inner x outer = sign * third: a quarter turn about the outer axis takes the inner axis to -sign * third.
      addOuter((sign * Math.PI) / 2);
      addInner(item.angle);
      addOuter((-sign * Math.PI) / 2);
    }
  }
  return angles;
}

/** One general gate for each turn about Y, which takes the turns about Z around it. */
function generalGates(angles: Alternating, name: 'u' | 'u3'): GateStep[] {
  if (angles.length === 1) return isNone(angles[0]!) ? [] : [step(name, 0, 0, angles[0]!)];
  const gates: GateStep[] = [];
  for (let place = 1; place < angles.length; place += 2) {
    gates.push(step(name, angles[place]!, angles[place + 1]!, place === 1 ? angles[0]! : 0));
  }
  return gates;
}

/** Turns about Z move to the end, where two half turns make them; the first of these joins the last rotation. */
function planeRotations(angles: Alternating): GateStep[] {
  let sum = angles[0]!;
  const gates: GateStep[] = [];
  for (let place = 1; place < angles.length; place += 2) {
    const axis = shiftAngle(scaleAngle(sum, -1), Math.PI / 2);
    sum = addAngles(sum, angles[place + 1]!);
    const isLast = place + 2 >= angles.length;
    if (!isLast || isNone(sum)) gates.push(step('r', angles[place]!, axis));
    else {
      gates.push(step('r', shiftAngle(angles[place]!, Math.PI), axis));
      gates.push(step('r', Math.PI, addAngles(axis, scaleAngle(sum, 0.5))));
    }
  }
  if (angles.length === 1 && !isNone(sum)) {
    gates.push(step('r', Math.PI, 0), step('r', Math.PI, scaleAngle(sum, 0.5)));
  }
  return gates;
}

function withQuarterTurns(angles: Alternating, turns: QuarterTurn): GateStep[] {
  const gates: GateStep[] = [];
  let pending: ParameterValue = angles[0]!;
  const flush = () => {
    gates.push(...turn(turns.phase, pending));
    pending = 0;
  };
  const { offset, quarter, phase } = turns;
  for (let place = 1; place < angles.length; place += 2) {
    const angle = angles[place]!;
    if (typeof angle === 'number') {
      for (const gate of quarterTurns(rotationAbout('y', angle), turns)) {
        if (gate.name === phase) pending = addAngles(pending, gate.parameters[0]!);
        else {
          flush();
          gates.push(gate);
        }
      }
    } else {
      pending = shiftAngle(pending, offset);
      flush();
      gates.push(step(quarter));
      gates.push(step(phase, shiftAngle(angle, Math.PI + 2 * offset)), step(quarter));
      pending = Math.PI + offset;
    }
    pending = addAngles(pending, angles[place + 1]!);
  }
  flush();
  return gates;
}
