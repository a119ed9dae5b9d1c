/** One value per pixel, row-major, 0 (paper) to 255 (ink). */
export interface GrayImage {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8ClampedArray;
}

/** The side of the image that the model takes. */
export const MODEL_SIDE = 28;

/** The longer side of the digit inside it. */
const DIGIT_SIDE = 20;

/** Anything darker than this belongs to the digit; antialiased edges below it would only widen the crop. */
const INK_THRESHOLD = 32;

/**
 * Prepares a drawing the way the MNIST digits were prepared (LeCun, Cortes and Burges, "The MNIST database of handwritten digits"):
 * cropped to the ink, scaled with antialiasing so that the longer side is 20 pixels with the aspect ratio kept, and placed in 28 x 28
 * so that the centre of mass falls on pixel (14, 14), counted from 0, without cutting ink off. Enlarged MNIST digits come back as
 * they were.
 *
 * @returns `[784]` grey values 0..1, ink high, or null when nothing is drawn.
 */
export function centreDigit(image: GrayImage): Float32Array | null {
  const box = inkBox(image);
  if (!box) return null;
  const scale = DIGIT_SIDE / Math.max(box.width, box.height);
  const width = Math.max(1, Math.round(box.width * scale));
  const height = Math.max(1, Math.round(box.height * scale));
  const digit = shrink(image, box, width, height);
  const { x, y } = centreOfMass(digit, width, height);
  const left = placeWithin(MODEL_SIDE / 2 - x, width);
  const top = placeWithin(MODEL_SIDE / 2 - y, height);
  const placed = new Float32Array(MODEL_SIDE * MODEL_SIDE);
  for (let row = 0; row < height; row++) {
    placed.set(digit.subarray(row * width, (row + 1) * width), (top + row) * MODEL_SIDE + left);
  }
  return placed;
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function inkBox({ width, height, pixels }: GrayImage): Box | null {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (pixels[y * width + x]! < INK_THRESHOLD) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** Each pixel of the result is the mean of the area it covers, weighted by the covered part of each source pixel. */
function shrink({ width: stride, pixels }: GrayImage, box: Box, width: number, height: number): Float32Array {
  const result = new Float32Array(width * height);
  const [stepX, stepY] = [box.width / width, box.height / height];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let sourceY = Math.floor(y * stepY); sourceY < Math.min((y + 1) * stepY, box.height); sourceY++) {
        const weightY = overlap(sourceY, y * stepY, (y + 1) * stepY);
        for (let sourceX = Math.floor(x * stepX); sourceX < Math.min((x + 1) * stepX, box.width); sourceX++) {
          const weight = weightY * overlap(sourceX, x * stepX, (x + 1) * stepX);
          sum += weight * pixels[(box.top + sourceY) * stride + box.left + sourceX]!;
        }
      }
      result[y * width + x] = sum / (stepX * stepY * 255);
    }
  }
  return result;
}

/** How much of pixel `[pixel, pixel + 1]` lies in `[start, end]`. */
function overlap(pixel: number, start: number, end: number): number {
  return Math.max(0, Math.min(pixel + 1, end) - Math.max(pixel, start));
}

function centreOfMass(values: Float32Array, width: number, height: number): { x: number; y: number } {
  let [mass, x, y] = [0, 0, 0];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const value = values[row * width + column]!;
      mass += value;
      x += value * column;
      y += value * row;
    }
  }
  return { x: x / mass, y: y / mass };
}

function placeWithin(wanted: number, size: number): number {
  return Math.min(Math.max(Math.round(wanted), 0), MODEL_SIDE - size);
}
