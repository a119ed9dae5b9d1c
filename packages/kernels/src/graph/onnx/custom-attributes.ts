import { decodeTensor } from './decode-tensor.ts';
import type { OnnxAttribute, OnnxNode, ReadExternalData } from './onnx-model.ts';

const TEXT = new TextDecoder();

/** Attributes of a node as plain values: numbers, text, lists of those, and `{ shape, data }` for tensors. Graphs are left out. */
export function customAttributes(
  node: OnnxNode,
  externalData: ReadExternalData | null,
): Readonly<Record<string, unknown>> {
  const entries = [...node.attributes.values()].map((attribute) => {
    return [attribute.name, plainValue(attribute, externalData)] as const;
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function plainValue(attribute: OnnxAttribute, externalData: ReadExternalData | null): unknown {
  const { float, integer, text, tensor, floats, integers, texts, graph } = attribute;
  if (float !== null) return float;
  if (integer !== null) return integer;
  if (text !== null) return TEXT.decode(text);
  if (tensor !== null)
    return { shape: [...tensor.shape], data: Array.from(decodeTensor(tensor, externalData)) };
  if (graph !== null) return undefined;
  if (texts.length > 0) return texts.map((each) => TEXT.decode(each));
  return floats.length > 0 ? [...floats] : [...integers];
}
