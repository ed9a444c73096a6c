import * as v from 'valibot';
import { type ErrorCode, FlatnetError } from '../error/flatnet-error.ts';
import { parseBySchema } from '../error/schema.ts';

/** Raised when a message changes its meaning; new methods and fields don't raise it. docs/control-socket.md tells all. */
export const CONTROL_VERSION = 1;

export interface ControlHello {
  readonly flatnet: 'lab-control';
  readonly version: number;
  readonly lab: string;
}

/** What a client sends, one a line: a new request, or `input` for one that is under way. */
export type ClientMessage =
  | { readonly id: number; readonly method: string; readonly params?: unknown }
  | { readonly id: number; readonly input: unknown }
  | { readonly id: number; readonly cancel: true };

export interface ControlError {
  readonly code: ErrorCode;
  readonly operation: string;
  readonly message: string;
  readonly remedy?: string;
}

/** What the lab sends, one a line: the hello first, then for each request any number of events and one end. */
export type ServerMessage =
  | ControlHello
  | { readonly id: number; readonly event: unknown }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: ControlError };

const id = v.pipe(v.number(), v.integer(), v.minValue(0));

const clientMessageSchema = v.union([
  v.strictObject({ id, method: v.string(), params: v.optional(v.unknown()) }),
  v.strictObject({ id, input: v.unknown() }),
  v.strictObject({ id, cancel: v.literal(true) }),
]);

/** Parses one line. @throws FlatnetError `invalid` */
export function parseClientMessage(line: string): ClientMessage {
  return parseBySchema('read control message', clientMessageSchema, parseJson(line));
}

/** Parses one line from a lab. @throws FlatnetError `invalid` */
export function parseServerMessage(line: string): ServerMessage {
  return parseJson(line) as ServerMessage;
}

/** One line, its newline included. */
export function formatMessage(message: ClientMessage | ServerMessage): string {
  return `${JSON.stringify(message)}\n`;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new FlatnetError({
      operation: 'read control message',
      code: 'invalid',
      message: `${JSON.stringify(line.slice(0, 80))} is not JSON`,
      remedy: 'send one JSON object a line',
      cause,
    });
  }
}

/** An error as it goes over the socket; what isn't ours goes as `io`. */
export function encodeError(error: unknown): ControlError {
  if (!(error instanceof FlatnetError))
    return { code: 'io', operation: 'lab', message: error instanceof Error ? error.message : String(error) };
  const { operation, code, remedy, message } = error;
  return { code, operation, message: message.slice(operation.length + 2), ...(remedy !== undefined && { remedy }) };
}

/** The error that encodeError took apart. */
export function decodeError(error: ControlError): FlatnetError {
  return new FlatnetError(error);
}
