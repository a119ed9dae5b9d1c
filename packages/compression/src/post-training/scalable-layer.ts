import type { TopologyLayer } from '../model/model-topology.ts';
import { type ChannelAxis, inputChannelAxis, outputChannelAxis, withWeightData } from './channel-scaling.ts';

/** A layer whose channels are scaled again and again: its weights in float64, rounded once at the end. */
export class ScalableLayer {
  readonly #layer: TopologyLayer;
  readonly #output: ChannelAxis;
  readonly #input: ChannelAxis | null;
  readonly #data: ReadonlyMap<string, Float64Array>;

  /** @param layer one with an {@link outputChannelAxis}. */
  constructor(layer: TopologyLayer, output: ChannelAxis) {
    this.#layer = layer;
    this.#output = output;
    this.#input = inputChannelAxis(layer);
    this.#data = new Map(layer.weights.map(({ role, data }) => [role, Float64Array.from(data)]));
  }

  /** The layer with the weights as they are now. */
  get layer(): TopologyLayer {
    const data = [...this.#data].map(([role, values]) => [role, Float32Array.from(values)]);
    return withWeightData(this.#layer, Object.fromEntries(data));
  }

  get outputs(): number {
    return this.#output.channels;
  }

  /** The largest magnitude of the weights of each output channel. */
  outputMagnitudes(): Float64Array {
    return this.#magnitudes(this.#output, this.#output.channels);
  }

  /** The largest magnitude of the weights that read each of `channels` channels, which flattened inputs repeat. */
  inputMagnitudes(channels: number): Float64Array {
    return this.#magnitudes(this.#input!, channels);
  }

  /** Multiplies output channels, the bias too. */
  scaleOutputs(factors: Float64Array): void {
    this.#scale(this.#output, factors);
    this.scaleBias(factors);
  }

  /** Multiplies the bias alone, where there is one. */
  scaleBias(factors: Float64Array): void {
    const bias = this.#data.get('bias');
    if (bias) for (let channel = 0; channel < bias.length; channel++) bias[channel] *= factors[channel];
  }

  /** Multiplies what reads each input channel; inputs repeat the channels. */
  scaleInputs(factors: Float64Array): void {
    this.#scale(this.#input!, factors);
  }

  #magnitudes({ weight, channels, stride }: ChannelAxis, period: number): Float64Array {
    const data = this.#data.get(weight.role)!;
    const magnitudes = new Float64Array(period);
    for (let at = 0; at < data.length; at++) {
      const channel = (Math.floor(at / stride) % channels) % period;
      magnitudes[channel] = Math.max(magnitudes[channel], Math.abs(data[at]));
    }
    return magnitudes;
  }

  #scale({ weight, channels, stride }: ChannelAxis, factors: Float64Array): void {
    const data = this.#data.get(weight.role)!;
    for (let at = 0; at < data.length; at++) {
      data[at] *= factors[(Math.floor(at / stride) % channels) % factors.length];
    }
  }
}

/** The layer as one to scale, or null when it is no dense or convolution layer. */
export function scalableLayer(layer: TopologyLayer): ScalableLayer | null {
  const output = outputChannelAxis(layer);
  return output && new ScalableLayer(layer, output);
}
