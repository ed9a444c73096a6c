import type { Literal, MapElement, SetElement } from '../../netfilter/node.ts';
import { ExactElements } from './exact-elements.ts';
import { ABSENT, type Answer, covers, UNKNOWN, type Values } from './value.ts';

const INDEXES = new WeakMap<readonly SetElement[], ExactElements<SetElement>>();

function indexOf(elements: readonly SetElement[]): ExactElements<SetElement> {
  const known = INDEXES.get(elements) ?? new ExactElements(elements);
  INDEXES.set(elements, known);
  return known;
}

/** The element that holds the values; undefined for none, UNKNOWN where nobody can tell. */
export function findElement<Element extends SetElement | MapElement>(
  elements: readonly Element[],
  values: Values,
): Element | undefined | typeof UNKNOWN;
export function findElement(elements: readonly SetElement[], values: Values): SetElement | undefined | typeof UNKNOWN {
  if (elements.length === 0 || values.includes(ABSENT)) return undefined;
  const index = indexOf(elements);
  const isKnown = !values.includes(UNKNOWN);
  const found = isKnown ? index.find(values) : undefined;
  if (found !== undefined) return found;
  // one part that no element has is enough, whatever the unknown ones are
  let doubtful = !isKnown && index.mayHold(values);
  for (const element of index.others) {
    const answer = coversAll(element.key, values);
    if (answer === true) return element;
    if (answer === UNKNOWN) doubtful = true;
  }
  return doubtful ? UNKNOWN : undefined;
}

function coversAll(key: readonly Literal[], values: Values): Answer {
  let answer: Answer = true;
  for (const [index, value] of values.entries()) {
    const literal = key[index];
    // a catch-all element has one part, whatever the key has
    if (literal === undefined) return key.length === 1 && answer;
    const one = covers(literal, value);
    if (one === false) return false;
    if (one === UNKNOWN) answer = UNKNOWN;
    if (literal.kind === 'name' && literal.name === '*' && key.length === 1) return true;
  }
  return answer;
}
