import type { TopologyLayer } from '../model/model-topology.ts';
import { activationOf, inputChannelAxis } from './channel-scaling.ts';
import type { TopologyLinks } from './topology-links.ts';

/** From one layer with weights to the next, through layers that commute with positive factors per channel. */
export interface HomogeneousPath {
  readonly to: TopologyLayer;
  /** Names of the layers whose activation is relu6, which does not commute. */
  readonly clipped: readonly string[];
}

/** `f(s x) = s f(x)` for s > 0, channel by channel (Flatten: with the channels repeated). */
const HOMOGENEOUS = new Set([
  'LeakyReLU',
  'PReLU',
  'Dropout',
  'SpatialDropout1D',
  'MaxPooling1D',
  'MaxPooling2D',
  'AveragePooling1D',
  'AveragePooling2D',
  'GlobalMaxPooling1D',
  'GlobalMaxPooling2D',
  'GlobalAveragePooling1D',
  'GlobalAveragePooling2D',
  'ZeroPadding2D',
  'Cropping2D',
  'UpSampling2D',
  'Flatten',
]);
const HOMOGENEOUS_ACTIVATIONS = new Set(['linear', 'relu']);

/** The path from a layer to the one layer with weights that reads its output, or why there is none. */
export function followHomogeneousPath(links: TopologyLinks, from: TopologyLayer): HomogeneousPath | string {
  const clipped: string[] = [];
  for (let layer = from; ; ) {
    const obstacle = layer === from ? activationObstacle(layer) : layerObstacle(layer);
    if (obstacle === 'relu6') clipped.push(layer.name);
    else if (obstacle) return obstacle;
    if (layer.calls.length !== 1) return `"${layer.name}" is shared between several places`;
    if (layer.config.dataFormat === 'channelsFirst') return `"${layer.name}" has its channels first`;
    const use = links.onlyUseOf(layer);
    if (!use) return `the output of "${layer.name}" is not read by exactly one layer`;
    layer = use.layer;
    if (!inputChannelAxis(layer)) continue;
    if (layer.calls.length !== 1) return `"${layer.name}" is shared between several places`;
    if (layer.config.dataFormat === 'channelsFirst') return `"${layer.name}" has its channels first`;
    return { to: layer, clipped };
  }
}

/** The layer with relu where it had relu6. */
export function unclipActivation(layer: TopologyLayer): TopologyLayer {
  const config = layer.className === 'ReLU' ? { maxValue: null } : { activation: 'relu' };
  return { ...layer, config: { ...layer.config, ...config } };
}

function layerObstacle(layer: TopologyLayer): 'relu6' | string | null {
  if (HOMOGENEOUS.has(layer.className)) return null;
  if (layer.className === 'Activation') return activationObstacle(layer);
  if (layer.className === 'ReLU') {
    const { maxValue } = layer.config;
    if (maxValue === undefined || maxValue === null) return null;
    return maxValue === 6 ? 'relu6' : `"${layer.name}" clips at ${maxValue}`;
  }
  return `"${layer.name}" (${layer.className}) does not commute with factors per channel`;
}

function activationObstacle(layer: TopologyLayer): 'relu6' | string | null {
  const activation = activationOf(layer);
  if (HOMOGENEOUS_ACTIVATIONS.has(activation)) return null;
  return activation === 'relu6' ? 'relu6' : `"${layer.name}" has the activation ${activation}`;
}
