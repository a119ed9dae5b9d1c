import { FileFormatError } from '@qedge/core';
import type { ByteSource } from '../byte-source.ts';
import { impliedByteLength, isSmall, placeCompactParts, smallPayloadByteLength } from './compact-layout.ts';
import {
  type CompactPrefix,
  decodeCompactPrefix,
  frontByteLength,
  LONGEST_COMPACT_PREFIX,
} from './compact-prefix.ts';
import { crc32 } from './crc32.ts';
import {
  type CheckedHeader,
  checkHeader,
  type FileHeader,
  HeaderReader,
  parseHeader,
  parseJson,
  type SectionEntry,
  type TensorEntry,
} from './header.ts';
import { decodeHeaderText } from './header-text.ts';
import { ParameterReader } from './parameter-reader.ts';
import {
  assertHeaderChecksum,
  COMPACT_VERSION,
  decodePrefix,
  PREFIX_BYTES,
  readVersion,
  verifyHeaderChecksum,
} from './prefix.ts';

/**
 * Reads and checks everything of a model file that lies before its payloads, and the small payloads that share a checksum with it.
 *
 * @throws FileFormatError, UnsupportedError, and what the source throws.
 */
export function readHeader(source: ByteSource): CheckedHeader {
  const { name } = source;
  return source.borrow(0, Math.min(LONGEST_COMPACT_PREFIX, source.byteLength), (first) => {
    const version = readVersion(first, source.byteLength, name);
    if (version === COMPACT_VERSION) {
      return readCompactHeader(source, decodeCompactPrefix(first, source.byteLength, name));
    }
    const prefixBytes = first.subarray(0, PREFIX_BYTES);
    const prefix = decodePrefix(prefixBytes, source.byteLength, name);
    const { headerByteLength, parameterByteLength } = prefix;
    return source.borrow(PREFIX_BYTES, headerByteLength + parameterByteLength, (bytes) => {
      verifyHeaderChecksum(prefix, prefixBytes, bytes, name);
      return parseHeader(bytes.subarray(0, headerByteLength), bytes.subarray(headerByteLength), prefix, name);
    });
  });
}

function readCompactHeader(source: ByteSource, prefix: CompactPrefix): CheckedHeader {
  const { name } = source;
  const { prefixByteLength, headerByteLength, textByteLength, parameterByteLength } = prefix;
  return source.borrow(0, frontByteLength(prefix), (front) => {
    const checksum = crc32(front.subarray(prefixByteLength), crc32(front.subarray(0, prefixByteLength - 4)));
    assertHeaderChecksum(prefix.crc32, checksum, name);
    const headerEnd = prefixByteLength + headerByteLength;
    const coded = { bytes: front.subarray(prefixByteLength, headerEnd), textByteLength };
    const parameters = front.subarray(headerEnd, headerEnd + parameterByteLength);
    return checkHeader(name, () => {
      const header = parseJson(decodeHeaderText(coded, name), name);
      return new CompactHeader(header, prefix, name).read(parameters);
    });
  });
}

/** A header that says neither where payloads lie nor, where their shape tells it, how long they are. */
class CompactHeader {
  readonly #header: Partial<FileHeader>;
  readonly #prefix: CompactPrefix;
  readonly #file: string;

  constructor(header: Partial<FileHeader>, prefix: CompactPrefix, file: string) {
    this.#header = header;
    this.#prefix = prefix;
    this.#file = file;
  }

  read(parameters: Uint8Array): CheckedHeader {
    const { tensors, sections = [] } = this.#header;
    if (!Array.isArray(tensors) || !Array.isArray(sections)) {
      throw new FileFormatError(`${this.#file} has no list of tensors or sections`);
    }
    const payloads = (tensors as TensorEntry[]).map((entry) => ({
      encoding: entry.encoding,
      byteLength: this.#byteLengthOf(entry),
    }));
    const sectionEntries = sections as SectionEntry[];
    const sectionByteLengths = sectionEntries.map(({ byteLength }) => this.#length(byteLength, 'a section'));
    const places = this.#place(payloads, sectionByteLengths);
    const sums = new ChecksumReader(
      parameters,
      payloads.filter((payload) => !isSmall(payload)).length + sections.length,
    );
    const header = {
      ...this.#header,
      tensors: (tensors as TensorEntry[]).map((entry, index): TensorEntry => {
        const payload = payloads[index]!;
        const crc32 = isSmall(payload) ? null : sums.next();
        return { ...entry, ...payload, offset: places.payloads[index]!, crc32 };
      }),
      sections: sectionEntries.map((entry, index) => ({
        ...entry,
        offset: places.sections[index]!,
        crc32: sums.next(),
      })),
    };
    const surroundings = {
      version: COMPACT_VERSION,
      fileByteLength: this.#prefix.fileByteLength,
      areaStart: 0,
    } as const;
    return new HeaderReader(surroundings, this.#file).read(
      header,
      new ParameterReader(sums.rest, 'compact', this.#file),
    );
  }

  #byteLengthOf({ encoding, dtype, shape, byteLength, quantization }: TensorEntry): number {
    let implied: number | null;
    try {
      implied = impliedByteLength(encoding, dtype, shape, quantization?.bits);
    } catch (cause) {
      throw new FileFormatError(`${this.#file} has a tensor of an impossible shape`, { cause });
    }
    return this.#length(implied ?? byteLength, 'a tensor');
  }

  #length(byteLength: unknown, what: string): number {
    if (Number.isSafeInteger(byteLength) && (byteLength as number) >= 0) return byteLength as number;
    throw new FileFormatError(`${this.#file} has ${what} of an impossible length`, {
      expected: 'an integer >= 0',
      actual: String(byteLength),
    });
  }

  #place(
    payloads: readonly { readonly encoding: TensorEntry['encoding']; readonly byteLength: number }[],
    sectionByteLengths: readonly number[],
  ): ReturnType<typeof placeCompactParts> {
    const { fileByteLength } = this.#prefix;
    const small = smallPayloadByteLength(payloads);
    const start = frontByteLength(this.#prefix) - this.#prefix.smallPayloadByteLength;
    const places = placeCompactParts(payloads, sectionByteLengths, start);
    if (small === this.#prefix.smallPayloadByteLength && places.end === fileByteLength) return places;
    throw new FileFormatError(`${this.#file} has other payloads than its header says`, {
      expected: `${small} small bytes of ${places.end}`,
      actual: `${this.#prefix.smallPayloadByteLength} of ${fileByteLength}`,
    });
  }
}

/** The checksums of large payloads and of sections, which lie before the quantisation parameters. */
class ChecksumReader {
  readonly #view: DataView;
  readonly rest: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array, count: number) {
    if (bytes.length < 4 * count) {
      throw new FileFormatError('The header has too few checksums', {
        expected: `${4 * count} bytes`,
        actual: `${bytes.length} bytes`,
      });
    }
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.rest = bytes.subarray(4 * count);
  }

  next(): number {
    this.#position += 4;
    return this.#view.getUint32(this.#position - 4, true);
  }
}
