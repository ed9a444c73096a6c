import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type Packet,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from 'dns-packet';
import type { ClusterZone, ZoneAnswer } from './cluster-zone.ts';

/** Resolves what isn't the cluster's: a whole query in, a whole response out; undefined where nobody answers. */
export type Upstream = (query: Buffer, transport: Transport) => Promise<Buffer | undefined>;

export type Transport = 'datagram' | 'stream';

/** RFC 1035, 4.1.1. */
const RCODE = { noError: 0, formatError: 1, serverFailure: 2, nameError: 3, notImplemented: 4, refused: 5 } as const;

/** A response that fits into a datagram where the client says nothing else (RFC 1035, 4.2.1). */
const PLAIN_SIZE = 512;
/** What we say that we take, and the most that we send: it passes every link unfragmented (DNS flag day 2020). */
const EXTENDED_SIZE = 1232;

/** Turns queries into responses: from the cluster's zone, or from upstream. */
export class DnsResponder {
  readonly #zone: ClusterZone;
  readonly #upstream: Upstream | undefined;

  constructor(zone: ClusterZone, upstream?: Upstream) {
    this.#zone = zone;
    this.#upstream = upstream;
  }

  /** The response to a query, cut to what the transport takes; undefined where the query deserves none. */
  async respond(bytes: Buffer, transport: Transport): Promise<Buffer | undefined> {
    let query: Packet;
    try {
      query = decode(bytes);
    } catch {
      return bytes.length < 12 || isResponse(bytes) ? undefined : formatError(bytes);
    }
    if (query.type === 'response') return undefined;
    const [question, ...more] = query.questions ?? [];
    const header = { id: query.id ?? 0, type: 'response' as const, questions: query.questions ?? [] };
    const flags = (query.flags ?? 0) & RECURSION_DESIRED;
    const extended = query.additionals?.find((record) => record.type === 'OPT');
    const options: Answer[] = extended === undefined ? [] : [ownOptions()];
    if (question === undefined || more.length > 0)
      return encode({ ...header, flags: flags | RCODE.formatError, additionals: options });
    const answer = this.#zone.answer(question.name, question.type);
    if (answer.kind === 'outside') {
      const forwarded = await this.#upstream?.(bytes, transport);
      if (forwarded !== undefined) return forwarded;
      const code = this.#upstream === undefined ? RCODE.nameError : RCODE.serverFailure;
      return encode({ ...header, flags: flags | RECURSION_AVAILABLE | code, additionals: options });
    }
    const response = { ...header, ...(await this.#sections(answer, question.type)) };
    const code = answer.kind === 'missing' ? RCODE.nameError : RCODE.noError;
    const size = extended?.type === 'OPT' ? Math.min(extended.udpPayloadSize, EXTENDED_SIZE) : PLAIN_SIZE;
    return fit(
      { ...response, flags: flags | AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE | code },
      options,
      transport === 'stream' ? 65_535 : Math.max(size, PLAIN_SIZE),
    );
  }

  async #sections(answer: Exclude<ZoneAnswer, { kind: 'outside' }>, type: string): Promise<Sections> {
    switch (answer.kind) {
      case 'missing':
        return { answers: [], authorities: [this.#zone.authority], additionals: [] };
      case 'alias':
        return {
          answers: [...answer.answers, ...(await this.#resolve(answer.target, type))],
          authorities: [],
          additionals: [],
        };
      case 'found':
        return {
          answers: answer.answers,
          authorities: answer.answers.length === 0 ? [this.#zone.authority] : [],
          additionals: answer.additionals ?? [],
        };
      default:
        return answer satisfies never;
    }
  }

  /** Stub resolvers don't follow aliases: what the target comes to goes with the answer. */
  async #resolve(name: string, type: string): Promise<readonly Answer[]> {
    const id = Math.floor(Math.random() * 65_536);
    const questions = [{ name, type: type as Answer['type'] }];
    const query = encode({ type: 'query', id, flags: RECURSION_DESIRED, questions } as Packet);
    try {
      const response = await this.#upstream?.(query, 'datagram');
      return response === undefined ? [] : (decode(response).answers ?? []);
    } catch {
      return [];
    }
  }
}

interface Sections {
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
  readonly additionals: readonly Answer[];
}

/** Encodes a response in at most `size` bytes: additional records go first, then answers, which TC then tells. */
function fit(response: Omit<Packet, keyof Sections> & Sections, options: readonly Answer[], size: number): Buffer {
  const build = (answers: readonly Answer[], additionals: readonly Answer[], flag = 0) =>
    encode({
      ...response,
      flags: (response.flags ?? 0) | flag,
      answers: [...answers],
      authorities: [...response.authorities],
      additionals: [...additionals, ...options],
    });
  const whole = build(response.answers, response.additionals);
  if (whole.length <= size) return whole;
  let answers = response.answers;
  let cut = build(answers, []);
  while (cut.length > size && answers.length > 0) {
    answers = answers.slice(0, Math.floor((answers.length * size) / cut.length) || 0);
    cut = build(answers, [], TRUNCATED_RESPONSE);
  }
  return cut;
}

/** Our EDNS record (RFC 6891). */
function ownOptions(): Answer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: EXTENDED_SIZE,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  } as unknown as Answer;
}

function isResponse(bytes: Buffer): boolean {
  return (bytes.readUInt8(2) & 0x80) !== 0;
}

/** A response to what can't be read: its id is all we know. */
function formatError(bytes: Buffer): Buffer {
  return encode({ type: 'response', id: bytes.readUInt16BE(0), flags: RCODE.formatError, questions: [] });
}
