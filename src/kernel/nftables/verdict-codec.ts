import type { Verdict } from '../../netfilter/node.ts';
import type { AttributeReader } from '../netlink/attribute-reader.ts';
import type { MessageBuilder } from '../netlink/message-builder.ts';
import { NFTA_DATA, NFTA_VERDICT, VERDICT_CODES } from './attribute-type.ts';

/** Writes a verdict's attributes into NFTA_*_DATA. */
export function encodeVerdict(builder: MessageBuilder, verdict: Exclude<Verdict, { kind: 'queue' }>): void {
  const nest = builder.beginNest(NFTA_DATA.verdict);
  builder.be32(NFTA_VERDICT.code, VERDICT_CODES[verdict.kind] >>> 0);
  if ('chain' in verdict) builder.string(NFTA_VERDICT.chain, verdict.chain);
  builder.endNest(nest);
}

/** Reads NFTA_DATA_VERDICT; undefined for a code that rules can't bear. */
export function decodeVerdict(attributes: AttributeReader): Verdict | undefined {
  let code: number | undefined;
  let chain = '';
  while (attributes.next()) {
    if (attributes.type === NFTA_VERDICT.code) code = attributes.be32() | 0;
    else if (attributes.type === NFTA_VERDICT.chain) chain = attributes.string();
  }
  switch (code) {
    case VERDICT_CODES.drop:
      return { kind: 'drop' };
    case VERDICT_CODES.accept:
      return { kind: 'accept' };
    case VERDICT_CODES.continue:
      return { kind: 'continue' };
    case VERDICT_CODES.return:
      return { kind: 'return' };
    case VERDICT_CODES.jump:
      return { kind: 'jump', chain };
    case VERDICT_CODES.goto:
      return { kind: 'goto', chain };
    default:
      return undefined;
  }
}
