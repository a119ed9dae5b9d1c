const TEXT = new TextEncoder();

/** Bytes of a protocol buffers message in pieces, so that weights are copied once, at the end. */
export interface Message {
  readonly pieces: readonly Uint8Array[];
  readonly byteLength: number;
}

/** One message from its fields, in order. */
export function message(...fields: readonly Message[]): Message {
  return {
    pieces: fields.flatMap(({ pieces }) => pieces),
    byteLength: fields.reduce((sum, { byteLength }) => sum + byteLength, 0),
  };
}

/** A field that holds an integer from -(2^53 - 1) to 2^53 - 1 (wire type 0; negative ones as 64 bits in two's complement). */
export function integerField(field: number, value: number): Message {
  return piece(Uint8Array.from([...varint(field * 8), ...(value < 0 ? negative(value) : varint(value))]));
}

/** A field that holds a float32 number (wire type 5). */
export function floatField(field: number, value: number): Message {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return message(piece(Uint8Array.from(varint(field * 8 + 5))), piece(bytes));
}

/** A field that holds text, bytes or a message (wire type 2). The bytes are borrowed until {@link toBytes}. */
export function bytesField(field: number, content: string | Uint8Array | Message): Message {
  const body =
    typeof content === 'string'
      ? piece(TEXT.encode(content))
      : content instanceof Uint8Array
        ? piece(content)
        : content;
  return message(piece(Uint8Array.from([...varint(field * 8 + 2), ...varint(body.byteLength)])), body);
}

/** The message in one piece. */
export function toBytes({ pieces, byteLength }: Message): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  let at = 0;
  for (const part of pieces) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}

function piece(bytes: Uint8Array): Message {
  return { pieces: [bytes], byteLength: bytes.byteLength };
}

/** Seven bits per byte, lowest first; the top bit says that more follow. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

function negative(value: number): number[] {
  const rest = BigInt.asUintN(64, BigInt(value));
  const bytes = Array.from({ length: 9 }, (_, i) => Number((rest >> BigInt(7 * i)) & 127n) + 128);
  return [...bytes, 1];
}
