import type { GrayImage } from './digit-image.ts';

/** The width of the pen as a part of the pad's side: about what a pen left in MNIST. */
const PEN_WIDTH = 0.09;

/** A canvas that is drawn on with mouse, pen or finger. Its bitmap holds ink in the alpha channel. */
export class DrawingPad {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #onChange: () => void;
  #isEmpty = true;

  constructor(canvas: HTMLCanvasElement, onChange: () => void) {
    this.#canvas = canvas;
    this.#onChange = onChange;
    this.#context = canvas.getContext('2d', { willReadFrequently: true })!;
    this.#context.lineCap = 'round';
    this.#context.lineJoin = 'round';
    this.#context.lineWidth = PEN_WIDTH * canvas.width;
    this.#followTheme();
    canvas.addEventListener('pointerdown', (event) => this.#begin(event));
    canvas.addEventListener('pointermove', (event) => this.#continue(event));
    // A finger draws instead of scrolling; `touch-action: none` alone is not honoured by older browsers.
    canvas.addEventListener('touchstart', (event) => event.preventDefault(), { passive: false });
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  clear(): void {
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#isEmpty = true;
    this.#onChange();
  }

  /** The ink, whatever its colour. */
  read(): GrayImage {
    const { width, height, data } = this.#context.getImageData(0, 0, this.#canvas.width, this.#canvas.height);
    const pixels = new Uint8ClampedArray(width * height);
    for (let at = 0; at < pixels.length; at++) pixels[at] = data[4 * at + 3]!;
    return { width, height, pixels };
  }

  #begin(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.#canvas.setPointerCapture(event.pointerId);
    const { x, y } = this.#locate(event);
    this.#context.beginPath();
    this.#context.moveTo(x, y);
    this.#draw([event]);
  }

  #continue(event: PointerEvent): void {
    if (!this.#canvas.hasPointerCapture(event.pointerId)) return;
    const between = event.getCoalescedEvents();
    this.#draw(between.length > 0 ? between : [event]);
  }

  #draw(events: readonly PointerEvent[]): void {
    for (const event of events) {
      const { x, y } = this.#locate(event);
      this.#context.lineTo(x, y);
      this.#context.stroke();
      // Begun anew, so that a long stroke is not drawn again with every movement.
      this.#context.beginPath();
      this.#context.moveTo(x, y);
    }
    this.#isEmpty = false;
    this.#onChange();
  }

  #locate(event: PointerEvent): { x: number; y: number } {
    const box = this.#canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) * this.#canvas.width) / box.width,
      y: ((event.clientY - box.top) * this.#canvas.height) / box.height,
    };
  }

  /** Ink takes the text colour; what is drawn already is recoloured. */
  #followTheme(): void {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const apply = () => {
      const colour = getComputedStyle(this.#canvas).color;
      this.#context.strokeStyle = colour;
      this.#context.globalCompositeOperation = 'source-in';
      this.#context.fillStyle = colour;
      this.#context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
      this.#context.globalCompositeOperation = 'source-over';
    };
    dark.addEventListener('change', apply);
    apply();
  }
}
