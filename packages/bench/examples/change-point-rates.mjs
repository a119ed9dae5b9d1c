// False alarms and hits of detectChangePoints on simulated series: the figures of the README.
// Run after a build: node examples/change-point-rates.mjs [series per row]
import { detectChangePoints, formatTable } from '@qedge/bench';
import { Random } from '@qedge/core';

const trials = Number(process.argv[2] ?? 300);
const TOLERANCE = 5;

const gaussian = (random, length) => Array.from({ length }, () => random.normal());
const heavy = (random, length) =>
  Array.from(
    { length },
    () => random.normal() / Math.sqrt((random.normal() ** 2 + random.normal() ** 2) / 2),
  );
const autoregressive = (coefficient) => (random, length) => {
  let value = random.normal();
  return Array.from({ length }, () => {
    value = coefficient * value + Math.sqrt(1 - coefficient ** 2) * random.normal();
    return value;
  });
};

function alarmShare(noise, length) {
  let alarms = 0;
  for (let seed = 0; seed < trials; seed++) {
    if (detectChangePoints(noise(new Random(1000 + seed), length), { seed }).length > 0) alarms++;
  }
  return `${((100 * alarms) / trials).toFixed(1)} %`;
}

/** F1: each true change may be found once, within five places. */
function score(noise, length, truth, levelAt) {
  let hits = 0;
  let alarms = 0;
  for (let seed = 0; seed < trials; seed++) {
    const series = noise(new Random(5000 + seed), length).map((value, i) => value + levelAt(i));
    const open = detectChangePoints(series, { seed }).map(({ index }) => index);
    alarms += open.length;
    for (const place of truth) {
      const found = open.findIndex((index) => Math.abs(index - place) <= TOLERANCE);
      if (found < 0) continue;
      open.splice(found, 1);
      hits++;
    }
  }
  return Number(((2 * hits) / (alarms + trials * truth.length)).toFixed(2));
}

const noises = { Gaussian: gaussian, 'Student t, 2 degrees': heavy };
for (const coefficient of [0.5, 0.8]) noises[`AR(1) ${coefficient}`] = autoregressive(coefficient);
console.log(
  formatTable(
    Object.entries(noises).map(([name, noise]) => ({
      'false alarms': name,
      'n = 50': alarmShare(noise, 50),
      'n = 200': alarmShare(noise, 200),
    })),
  ),
);
const step = (place, height) => (i) => (i >= place ? height : 0);
const stairs = (i) => (i < 50 ? 0 : i < 100 ? 2 : i < 150 ? 0.5 : 2.5);
const pulse = (i) => (i >= 100 && i < 115 ? 2 : 0);
console.log(
  formatTable([
    { change: 'one shift of 1.5, n = 100', F1: score(gaussian, 100, [50], step(50, 1.5)) },
    { change: 'three shifts, n = 200', F1: score(gaussian, 200, [50, 100, 150], stairs) },
    { change: 'shift of 2 in AR(1) 0.5, n = 200', F1: score(autoregressive(0.5), 200, [100], step(100, 2)) },
    { change: 'pulse of 2 for 15 values, n = 200', F1: score(gaussian, 200, [100, 115], pulse) },
    { change: 'shift of 2 in the last 8 of 100', F1: score(gaussian, 100, [92], step(92, 2)) },
  ]),
);
