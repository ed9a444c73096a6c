import { literalBounds } from '../../netfilter/literal-bounds.ts';
import type { Expression, SetElement } from '../../netfilter/node.ts';
import { type Bounds, holds, intersection, isEmpty, pointAt, sideOf } from './bounds.ts';
import { elementsWithin } from './element-index.ts';
import { type Aspect, type Observer, observer } from './observation.ts';
import { aspectsOf, observePoint } from './observe-comparison.ts';
import { covers, UNKNOWN, type Value, type Values } from './value.ts';

/** A part of a key that was looked up. */
interface KeyPart {
  readonly aspect: Aspect | undefined;
  readonly value: Value;
}

/**
 * A key was looked up in a set or a map. Where it was found, all keys that the element holds would have been; where it
 * wasn't, the packets that some element holds are told from this one by the part that leaves most others with it.
 * @param isMap which element is found counts, and not only whether one is
 */
export function observeLookup(
  key: Expression,
  values: Values,
  elements: readonly SetElement[] | undefined,
  found: SetElement | undefined | typeof UNKNOWN,
  isMap: boolean,
): void {
  const watching = observer();
  if (watching === undefined || elements === undefined) return;
  const aspects = aspectsOf(key);
  if (!aspects.some((aspect) => aspect !== undefined)) return;
  const parts = values.map((value, index): KeyPart => ({ aspect: aspects[index], value }));
  // parts that give several values shift those behind them
  if (found === UNKNOWN || aspects.length !== values.length) {
    for (const aspect of new Set(aspects)) for (const value of values) observePoint(aspect, value);
    return;
  }
  if (found !== undefined) narrowInto(watching, parts, found);
  if (found === undefined || isMap) keepOut(watching, parts, elements, found);
}

function narrowInto(watching: Observer, parts: readonly KeyPart[], found: SetElement): void {
  const { key } = found;
  const isOwn = watching.isOwn(found);
  for (const [index, { aspect, value }] of parts.entries()) {
    const literal = key[index];
    const bounds = literal === undefined ? undefined : literalBounds(literal);
    if (aspect === undefined || typeof value !== 'bigint' || bounds === undefined) continue;
    // what speaks of one participant alone names his own address
    if (aspect !== 'address' || !isOwn) watching.narrow(aspect, value, sideOf(bounds, value));
  }
}

/** Leaves the packets away that other elements hold. */
function keepOut(
  watching: Observer,
  parts: readonly KeyPart[],
  elements: readonly SetElement[],
  found: SetElement | undefined,
): void {
  const within = () =>
    parts.map(({ aspect, value }) => {
      if (typeof value !== 'bigint') return undefined;
      return aspect === undefined ? pointAt(value) : watching.within(aspect, value);
    });
  for (const element of elementsWithin(elements, within())) {
    if (element === found || watching.isOwn(element) || !mayHold(element, parts, within())) continue;
    if (isUnasked(watching, parts, element)) continue;
    const cut = bestCut(watching, parts, element);
    if (cut !== undefined) watching.narrow(cut.aspect, cut.value, cut.to);
    else for (const { aspect, value } of parts) observePoint(aspect, value);
  }
}

/** True for an element that holds one port of which nobody asks. */
function isUnasked(watching: Observer, parts: readonly KeyPart[], { key }: SetElement): boolean {
  const single = (aspect: Aspect) => {
    const literal = key[parts.findIndex((part) => part.aspect === aspect)];
    const bounds = literal === undefined ? undefined : literalBounds(literal);
    return bounds?.low === bounds?.high ? bounds?.low : undefined;
  };
  const value = parts.find(({ aspect }) => aspect === 'port')?.value;
  const port = single('port');
  if (typeof value !== 'bigint' || port === undefined || port === value) return false;
  return !watching.asksForPort(value, port, single('protocol'));
}

function mayHold({ key }: SetElement, parts: readonly KeyPart[], within: readonly (Bounds | undefined)[]): boolean {
  return parts.every(({ aspect, value }, index) => {
    const literal = key[index];
    // an element for everything has one part
    if (literal === undefined) return true;
    const bounds = literalBounds(literal);
    const inside = within[index];
    if (aspect === undefined || bounds === undefined || inside === undefined) return covers(literal, value) !== false;
    return !isEmpty(intersection(bounds, inside));
  });
}

interface Cut {
  readonly aspect: Aspect;
  readonly value: bigint;
  readonly to: Bounds;
}

/** Of the parts by which a packet differs from an element, the one that leaves the largest share of packets with it. */
function bestCut(watching: Observer, parts: readonly KeyPart[], { key }: SetElement): Cut | undefined {
  let best: { readonly cut: Cut; readonly share: number } | undefined;
  for (const [index, { aspect, value }] of parts.entries()) {
    const literal = key[index];
    const bounds = literal === undefined ? undefined : literalBounds(literal);
    if (aspect === undefined || typeof value !== 'bigint' || bounds === undefined || holds(bounds, value)) continue;
    const inside = watching.within(aspect, value);
    const to = sideOf(bounds, value);
    const share = size(intersection(inside, to)) / size(inside);
    if (best === undefined || share > best.share) best = { cut: { aspect, value, to }, share };
  }
  return best?.cut;
}

function size({ low, high }: Bounds): number {
  return Number(high - low) + 1;
}
