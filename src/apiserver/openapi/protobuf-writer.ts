/** Fields of one protobuf message, written in the order of the calls (protobuf encoding). */
export class ProtobufWriter {
  readonly #parts: Uint8Array[] = [];

  /** A string or an embedded message; empty ones are written too. */
  bytes(number: number, value: Uint8Array | string): this {
    const content = typeof value === 'string' ? Buffer.from(value) : value;
    this.#parts.push(varint((number << 3) | 2), varint(content.length), content);
    return this;
  }

  bool(number: number, value: boolean): this {
    this.#parts.push(varint(number << 3), varint(value ? 1 : 0));
    return this;
  }

  /** An embedded message that `write` fills. */
  message(number: number, write: (writer: ProtobufWriter) => void): this {
    const writer = new ProtobufWriter();
    write(writer);
    return this.bytes(number, writer.finish());
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
