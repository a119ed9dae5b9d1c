import type { LayersModel } from '@tensorflow/tfjs';
import type { Tensorflow } from '../src/tfjs.ts';

export function depthwiseDigitsNetwork(tf: Tensorflow, seed: number): LayersModel;
export function residualDigitsNetwork(tf: Tensorflow, seed: number): LayersModel;
