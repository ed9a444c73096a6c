import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** A line longer than this ends the stream: nobody sends one in good faith. Characters. */
const LONGEST_LINE = 16 * 1024 * 1024;

/** Calls `onLine` for every complete line of a stream, empty ones left out; what follows the last newline is dropped. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') onLine(line);
    if (rest.length > LONGEST_LINE) stream.destroy(new Error(`a line of more than ${LONGEST_LINE} characters`));
  });
}
