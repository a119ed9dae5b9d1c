import type { Shape } from '@qedge/core';
import type { OnnxElementType } from './element-type.ts';

/** An input or output of a model. */
export interface OnnxValueInfo {
  readonly name: string;
  /** Null for what is not a tensor of known numbers. */
  readonly type: OnnxElementType | null;
  /** Sizes; a text names a size that is free, null one without a name. Null as a whole: not even the rank is known. */
  readonly shape: readonly (number | string | null)[] | null;
}

/** Numbers of a typed field: pieces of packed ones, undecoded, and lists of single ones, in the file's order. */
export type OnnxNumberPieces = readonly (Uint8Array | readonly number[])[];

/** A constant tensor, where it lies in the file. */
export interface OnnxTensor {
  readonly name: string;
  /** The number of `TensorProto.DataType`. */
  readonly typeCode: number;
  readonly shape: Shape;
  /** Borrowed from the file's bytes; little-endian. */
  readonly raw: Uint8Array | null;
  readonly float32Data: OnnxNumberPieces;
  readonly int32Data: OnnxNumberPieces;
  readonly int64Data: OnnxNumberPieces;
  readonly float64Data: OnnxNumberPieces;
  readonly uint64Data: OnnxNumberPieces;
  /** Null for data inside the file. */
  readonly external: OnnxExternalLocation | null;
}

/** Where a tensor lies in a file beside the model. */
export interface OnnxExternalLocation {
  /** Path relative to the model's folder, as written in the file: never open it without checking that it stays inside. */
  readonly location: string;
  /** Bytes from the beginning of that file. */
  readonly offset: number;
  /** Bytes, or null for what the shape needs. */
  readonly byteLength: number | null;
}

/** An attribute of a node: exactly the fields that the file has. */
export interface OnnxAttribute {
  readonly name: string;
  readonly float: number | null;
  readonly integer: number | null;
  readonly text: Uint8Array | null;
  readonly tensor: OnnxTensor | null;
  readonly graph: OnnxGraph | null;
  readonly floats: readonly number[];
  readonly integers: readonly number[];
  readonly texts: readonly Uint8Array[];
}

/** One operator of the file. */
export interface OnnxNode {
  readonly name: string;
  readonly operator: string;
  /** '' stands for ONNX's own operators. */
  readonly domain: string;
  /** '' stands for an input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** A graph or the branch of an `If`. */
export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  /** In older files also those that initializers give. */
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}

/** An ONNX file that was read: its structure, with the weights where they lie. */
export interface OnnxModel {
  readonly irVersion: number;
  readonly producer: string;
  /** Version of the operators of each domain; '' is ONNX's own. */
  readonly operatorSets: ReadonlyMap<string, number>;
  readonly metadata: ReadonlyMap<string, string>;
  /** Those that must be given: without the ones that initializers give. */
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  /** How often each operator occurs, branches included: `Conv`, `com.microsoft.MatMulNBits`. */
  readonly operators: ReadonlyMap<string, number>;
  readonly graph: OnnxGraph;
  /** Reads files beside the model; null when there is no way to. */
  readonly externalData: ReadExternalData | null;
}

/**
 * Gives `byteLength` bytes from `offset` of the file that a model names, without changing them later. `location` comes from the model: refuse what leads out of the
 * model's folder.
 */
export type ReadExternalData = (location: string, offset: number, byteLength: number) => Uint8Array;
