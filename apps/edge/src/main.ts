import type { Precision } from '@qedge/core';
import { watchBattery } from './battery.ts';
import { centreDigit } from './digit-image.ts';
import { DrawingPad } from './drawing-pad.ts';
import { workOffline } from './offline.ts';
import { type BatteryState, choosePrecision } from './precision-policy.ts';
import { Recogniser } from './recogniser.ts';
import './style.css';
import {
  chosenSetting,
  element,
  makeBars,
  precisionInputs,
  showProblem,
  showRecogniser,
  showRecognition,
  showSeen,
} from './view.ts';

const LABELS = Array.from({ length: 10 }, (_, digit) => String(digit));

/** Ties the pad, the model and the page together. */
async function start(): Promise<void> {
  const setBars = makeBars(LABELS);
  setBars(null);
  showSeen(null);
  let recogniser: Recogniser | null = null;
  let battery: BatteryState | null = null;
  let automatic: Precision | null = null;
  let isScheduled = false;

  const precisionNow = (loaded: Recogniser): Precision => {
    const setting = chosenSetting();
    const choice = choosePrecision(battery, automatic, loaded.precisions);
    automatic = choice.precision;
    element('precision-reason').textContent =
      setting === 'automatic' ? `${choice.reason}.` : 'Chosen by you.';
    return setting === 'automatic' ? choice.precision : setting;
  };

  const recognise = async (): Promise<void> => {
    isScheduled = false;
    if (!recogniser) return;
    const precision = precisionNow(recogniser);
    const image = pad.isEmpty ? null : centreDigit(pad.read());
    showSeen(image);
    const recognition = image ? await recogniser.recognise(image, precision) : null;
    setBars(recognition?.probabilities ?? null);
    showRecognition(recognition, LABELS);
  };
  // At most once per frame, however many movements the pointer reports.
  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    requestAnimationFrame(() => recognise().catch(showProblem));
  };

  const pad = new DrawingPad(element<HTMLCanvasElement>('pad'), schedule);
  element('clear').addEventListener('click', () => pad.clear());
  window.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') pad.clear();
  });
  for (const input of precisionInputs()) input.addEventListener('change', schedule);
  await watchBattery((state) => {
    battery = state;
    schedule();
  });
  recogniser = await Recogniser.load('model/digits.qez');
  showRecogniser(recogniser);
  document.documentElement.dataset.ready = 'true';
  schedule();
}

start().catch(showProblem);
void workOffline();
