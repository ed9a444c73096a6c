import { type Prefix, parsePrefix } from '../../address/prefix.ts';

/** The prefix, or undefined where the text is none. */
export function tryParsePrefix(text: string): Prefix | undefined {
  if (!text.includes('/')) return undefined;
  try {
    return parsePrefix(text);
  } catch {
    return undefined;
  }
}
