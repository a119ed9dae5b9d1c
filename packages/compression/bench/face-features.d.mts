import type { LayersModel } from '@tensorflow/tfjs';
import type { CalibrationData, Tensorflow } from '../src/tfjs.ts';

export function openFaceFeatures(tf: Tensorflow, folder: string, size: number): LayersModel;
export function cutPicture(
  folder: string,
  file: string,
  cuts: { readonly count: number; readonly size: number; readonly seed: number },
): CalibrationData & { readonly features: Float32Array };
