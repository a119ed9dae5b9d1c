import { FileFormatError } from '@qedge/core';
import { decodeText, encodeText } from '../entropy-coding/text-coder.ts';
import { presetHeader } from './preset-header.ts';

/** Bytes of text that one coded byte may stand for, so that a few bytes cannot ask for any amount of memory and time. */
const MOST_TEXT_PER_BYTE = 256;
/** And those that need no byte. */
const FREE_TEXT_BYTES = 16_384;

/** A header as it is in a compact file. */
export interface HeaderText {
  readonly bytes: Uint8Array;
  /** Bytes of the text when `bytes` code it; 0 when they are the text. */
  readonly textByteLength: number;
}

/** Codes the text of a header, or leaves it where that saves nothing. */
export function encodeHeaderText(text: Uint8Array): HeaderText {
  const bytes = encodeText(text, presetHeader());
  return bytes.length < text.length && isPlausible(text.length, bytes.length)
    ? { bytes, textByteLength: text.length }
    : { bytes: text, textByteLength: 0 };
}

/** The text of a header. @throws FileFormatError for a length that no writer gives. */
export function decodeHeaderText({ bytes, textByteLength }: HeaderText, name: string): Uint8Array {
  if (textByteLength === 0) return bytes;
  if (!isPlausible(textByteLength, bytes.length)) {
    throw new FileFormatError(`${name} has a header of an impossible length`, {
      expected: `at most ${MOST_TEXT_PER_BYTE} bytes of text for each of ${bytes.length} bytes`,
      actual: `${textByteLength} bytes`,
    });
  }
  return decodeText(bytes, textByteLength, presetHeader());
}

function isPlausible(textByteLength: number, codedByteLength: number): boolean {
  return textByteLength <= FREE_TEXT_BYTES + MOST_TEXT_PER_BYTE * codedByteLength;
}
