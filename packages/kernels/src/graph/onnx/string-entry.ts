import type { ProtobufReader } from './protobuf-reader.ts';

/** Reads a `StringStringEntryProto` into a map. */
export function readStringEntry(reader: ProtobufReader, into: Map<string, string>): void {
  let [key, value] = ['', ''];
  while (reader.next()) {
    if (reader.field === 1) key = reader.text();
    else if (reader.field === 2) value = reader.text();
    else reader.skip();
  }
  into.set(key, value);
}
