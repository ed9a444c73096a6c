import type { TableFamily } from '../../netfilter/node.ts';
import { AttributeReader } from '../netlink/attribute-reader.ts';
import type { NetlinkMessage } from '../netlink/message.ts';
import { FAMILY_NUMBERS, NFTA_RULE } from './attribute-type.ts';
import { decodeExpressions } from './expression-decoder.ts';
import type { KernelExpression } from './kernel-expression.ts';
import { decodeRuleComment } from './userdata.ts';

const NFGENMSG_LENGTH = 4;

/** A rule as a dump tells it. */
export interface DecodedRule {
  readonly table: string;
  readonly chain: string;
  readonly handle: bigint;
  readonly expressions: readonly KernelExpression[];
  readonly comment: string | undefined;
}

/** Reads NFT_MSG_NEWRULE. */
export function decodeRule(message: NetlinkMessage): DecodedRule {
  const attributes = AttributeReader.ofMessage(message, NFGENMSG_LENGTH);
  let table = '';
  let chain = '';
  let handle = 0n;
  let expressions: readonly KernelExpression[] = [];
  let comment: string | undefined;
  while (attributes.next()) {
    switch (attributes.type) {
      case NFTA_RULE.table:
        table = attributes.string();
        break;
      case NFTA_RULE.chain:
        chain = attributes.string();
        break;
      case NFTA_RULE.handle:
        handle = attributes.be64();
        break;
      case NFTA_RULE.expressions:
        expressions = decodeExpressions(attributes.nested());
        break;
      case NFTA_RULE.userdata:
        comment = decodeRuleComment(attributes.bytes());
        break;
    }
  }
  return { table, chain, handle, expressions, comment };
}

const FAMILIES = new Map(
  (Object.entries(FAMILY_NUMBERS) as [TableFamily, number][]).map(([family, number]) => [number, family]),
);

/** The family in a message's own header (`struct nfgenmsg`); undefined for one that has no tables. */
export function familyOf(message: NetlinkMessage): TableFamily | undefined {
  return FAMILIES.get(message.buffer.readUInt8(message.start));
}
