import type { Fallback, Precision } from '@qedge/core';
import { MODEL_SIDE } from './digit-image.ts';
import type { Recogniser, Recognition } from './recogniser.ts';

/** What can be chosen on the page. */
export type PrecisionSetting = Precision | 'automatic';

/** The element with this id, which the page is known to have. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Builds the ten bars; returns a function that sets them. */
export function makeBars(labels: readonly string[]): (probabilities: Float32Array | null) => void {
  const bars = labels.map((label) => {
    const item = document.createElement('li');
    const [percent, track, fill, name] = ['span', 'span', 'span', 'span'].map((tag) =>
      document.createElement(tag),
    ) as [HTMLElement, HTMLElement, HTMLElement, HTMLElement];
    percent.className = 'percent';
    track.className = 'track';
    fill.className = 'fill';
    name.className = 'name';
    name.textContent = label;
    track.append(fill);
    item.append(name, track, percent);
    return { item, fill, percent };
  });
  element('probabilities').replaceChildren(...bars.map((bar) => bar.item));
  return (probabilities) => {
    const best = probabilities ? indexOfLargest(probabilities) : -1;
    for (const [index, { item, fill, percent }] of bars.entries()) {
      const value = probabilities?.[index] ?? 0;
      item.classList.toggle('best', index === best);
      fill.style.setProperty('--value', value.toFixed(4));
      percent.textContent = probabilities ? formatPercent(value) : '';
    }
  };
}

/** Shows a result, or the invitation to draw. */
export function showRecognition(recognition: Recognition | null, labels: readonly string[]): void {
  const best = recognition ? indexOfLargest(recognition.probabilities) : -1;
  element('digit').textContent = recognition ? labels[best]! : '–';
  element('certainty').textContent = recognition
    ? `${formatPercent(recognition.probabilities[best]!)} certain`
    : 'Draw something';
  if (!recognition) return;
  const { latencyMs, runs, precision, weightBytes } = recognition;
  element('latency').textContent =
    `${formatLatency(latencyMs)} (mean of ${runs} ${runs === 1 ? 'run' : 'runs'})`;
  element('running-precision').textContent = precision;
  element('weight-bytes').textContent = formatBytes(weightBytes);
}

/** Shows what was loaded, and disables precisions that cannot be had. */
export function showRecogniser(recogniser: Recogniser): void {
  element('device').textContent = recogniser.deviceName;
  element('model-file').textContent = `${formatBytes(recogniser.fileByteLength)} (${recogniser.modelName})`;
  for (const input of precisionInputs()) {
    input.disabled = input.value !== 'automatic' && !recogniser.precisions.includes(input.value as Precision);
  }
  showFallbacks(recogniser.fallbacks);
}

function showFallbacks(fallbacks: readonly Fallback[]): void {
  const text = fallbacks.map(({ from, to, why }) => `${from} → ${to}: ${why}`).join('; ');
  element('fallbacks').textContent = text || 'none';
}

/** Draws what the model sees. */
export function showSeen(image: Float32Array | null): void {
  const canvas = element<HTMLCanvasElement>('seen');
  const context = canvas.getContext('2d')!;
  const pixels = context.createImageData(MODEL_SIDE, MODEL_SIDE);
  for (let at = 0; at < MODEL_SIDE * MODEL_SIDE; at++) {
    pixels.data.fill(255 * (image?.[at] ?? 0), 4 * at, 4 * at + 3);
    pixels.data[4 * at + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}

/** The radio buttons of the precision. */
export function precisionInputs(): HTMLInputElement[] {
  return [...document.querySelectorAll<HTMLInputElement>('#precision input')];
}

/** The one that is checked. */
export function chosenSetting(): PrecisionSetting {
  return precisionInputs().find((input) => input.checked)!.value as PrecisionSetting;
}

/** Says what went wrong where everybody sees it. */
export function showProblem(error: unknown): void {
  const problem = element('problem');
  problem.hidden = false;
  problem.textContent = error instanceof Error ? error.message : String(error);
}

function indexOfLargest(values: Float32Array): number {
  return values.indexOf(Math.max(...values));
}

function formatPercent(value: number): string {
  return `${(100 * value).toFixed(value >= 0.9995 || value < 0.0005 ? 0 : 1)} %`;
}

function formatLatency(milliseconds: number): string {
  return milliseconds < 1 ? `${(1000 * milliseconds).toFixed(0)} µs` : `${milliseconds.toFixed(2)} ms`;
}

function formatBytes(bytes: number): string {
  return `${bytes.toLocaleString('en')} bytes`;
}
