import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import type { layers } from '@tensorflow/tfjs';
import type { GraphBuilder } from '../graph-builder.ts';
import type { ValueData } from '../operators/operator-definition.ts';

/** A layer of TensorFlow.js. */
export type TensorflowLayer = layers.Layer;

/** Adds what a layer computes to a graph, and names the results. */
export type LayerImporter = (
  layer: TensorflowLayer,
  inputs: readonly [string, ...string[]],
  context: LayerContext,
) => readonly string[];

/** What importers of layers work with. */
export interface LayerContext {
  readonly builder: GraphBuilder;
  /** A constant of the layer, made once however often the layer is used. */
  constant(layer: TensorflowLayer, label: string, make: () => ValueData): string;
  /** Imports a layer that is part of another one. */
  importLayer(layer: TensorflowLayer, inputs: readonly string[]): readonly string[];
}

/** The settings of a layer, as it was made. */
export function settingsOf(layer: TensorflowLayer): Readonly<Record<string, unknown>> {
  return layer.getConfig() as Readonly<Record<string, unknown>>;
}

/** A weight of a layer, by its place among them. The numbers are lent. @throws InvalidArgumentError when there is none. */
export function weightOf(layer: TensorflowLayer, index: number): ValueData {
  const tensor = layer.getWeights()[index];
  if (tensor === undefined) {
    throw new InvalidArgumentError(`The layer "${layer.name}" lacks a weight`, {
      expected: `weight ${index}`,
      actual: `${layer.getWeights().length} weights`,
      remedy: 'Build the layer first.',
    });
  }
  return { dtype: 'float32', shape: tensor.shape, data: tensor.dataSync() as Float32Array };
}

/** A weight of a layer as a constant. */
export function weightConstant(context: LayerContext, layer: TensorflowLayer, index: number): string {
  return context.constant(layer, `weight ${index}`, () => weightOf(layer, index));
}

/** @throws UnsupportedError naming the layer and the setting. */
export function refuseSetting(
  layer: TensorflowLayer,
  setting: string,
  expected: unknown,
  actual: unknown,
): never {
  throw new UnsupportedError(
    `The ${layer.getClassName()} layer "${layer.name}" has a setting that is not supported: ${setting}`,
    { expected, actual, facts: { layer: layer.name, className: layer.getClassName() } },
  );
}

/** Adds a node named like the layer and gives its first output. */
export function addNode(
  { builder }: LayerContext,
  layer: TensorflowLayer,
  operator: Parameters<GraphBuilder['add']>[0],
  inputs: readonly (string | null)[],
): string {
  return builder.add(operator, inputs, { name: layer.name })[0];
}
