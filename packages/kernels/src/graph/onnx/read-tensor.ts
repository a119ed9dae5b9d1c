import type { OnnxExternalLocation, OnnxTensor } from './onnx-model.ts';
import { type ProtobufReader, WIRE_TYPE } from './protobuf-reader.ts';
import { readStringEntry } from './string-entry.ts';

type Pieces = (Uint8Array | number[])[];

/** A `TensorProto`, its numbers undecoded. */
export function readTensor(reader: ProtobufReader): OnnxTensor {
  const [shape, float32Data, int32Data, int64Data, float64Data, uint64Data] = [
    [] as number[],
    [] as Pieces,
    [] as Pieces,
    [] as Pieces,
    [] as Pieces,
    [] as Pieces,
  ];
  let [name, typeCode, outside] = ['', 0, false];
  let raw: Uint8Array | null = null;
  const entries = new Map<string, string>();
  while (reader.next()) {
    if (reader.field === 1) reader.integers(shape);
    else if (reader.field === 2) typeCode = reader.integer();
    else if (reader.field === 4) collect(reader, float32Data, WIRE_TYPE.fixed32);
    else if (reader.field === 5) collect(reader, int32Data, WIRE_TYPE.varint);
    else if (reader.field === 7) collect(reader, int64Data, WIRE_TYPE.varint);
    else if (reader.field === 8) name = reader.text();
    else if (reader.field === 9) raw = reader.bytes();
    else if (reader.field === 10) collect(reader, float64Data, WIRE_TYPE.fixed64);
    else if (reader.field === 11) collect(reader, uint64Data, WIRE_TYPE.varint);
    else if (reader.field === 13) readStringEntry(reader.message(), entries);
    else if (reader.field === 14) outside = reader.integer() === 1;
    else reader.skip();
  }
  for (const size of shape)
    if (!Number.isSafeInteger(size) || size < 0) reader.fail(`Tensor ${name} has a wrong size`, size);
  const external = outside ? readLocation(reader, entries, name) : null;
  return {
    name,
    typeCode,
    shape,
    raw,
    float32Data,
    int32Data,
    int64Data,
    float64Data,
    uint64Data,
    external,
  };
}

/** Keeps packed numbers as they lie, and gathers single ones. */
function collect(reader: ProtobufReader, into: Pieces, single: number): void {
  if (reader.wireType !== single) {
    const piece = reader.bytes();
    if (piece.byteLength > 0) into.push(piece);
    return;
  }
  let last = into.at(-1);
  if (!Array.isArray(last)) {
    last = [];
    into.push(last);
  }
  if (single === WIRE_TYPE.varint) last.push(reader.integer());
  else last.push(single === WIRE_TYPE.fixed32 ? reader.float32() : reader.float64());
}

function readLocation(
  reader: ProtobufReader,
  entries: ReadonlyMap<string, string>,
  tensor: string,
): OnnxExternalLocation {
  const location = entries.get('location');
  if (!location) return reader.fail(`Tensor ${tensor} lies outside, but nothing tells where`, 'no location');
  const [offset, byteLength] = ['offset', 'length'].map((key) => {
    const text = entries.get(key);
    if (text === undefined) return null;
    const number = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
    return Number.isSafeInteger(number) ? number : reader.fail(`Tensor ${tensor} has a wrong ${key}`, text);
  }) as [number | null, number | null];
  return { location, offset: offset ?? 0, byteLength };
}
