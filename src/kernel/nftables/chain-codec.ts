import { FlatnetError } from '../../error/flatnet-error.ts';
import type { BaseChain, Chain, ChainType, HookName, TableFamily } from '../../netfilter/node.ts';
import { AttributeReader } from '../netlink/attribute-reader.ts';
import type { NetlinkMessage } from '../netlink/message.ts';
import type { MessageBuilder } from '../netlink/message-builder.ts';
import { NFTA_CHAIN, NFTA_DEVICE_NAME, NFTA_HOOK } from './attribute-type.ts';

const NFGENMSG_LENGTH = 4;
const POLICIES = { drop: 0, accept: 1 } as const;

/** Hook numbers: `linux/netfilter.h` (nf_inet_hooks, nf_dev_hooks), `linux/netfilter_arp.h`, `linux/netfilter_bridge.h`. */
const INET_HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4, ingress: 5 } as const;
const HOOKS: Readonly<Record<TableFamily, Readonly<Partial<Record<HookName, number>>>>> = {
  ip: INET_HOOKS,
  ip6: INET_HOOKS,
  inet: INET_HOOKS,
  bridge: INET_HOOKS,
  arp: { input: 0, output: 1, forward: 2 },
  netdev: { ingress: 0, egress: 1 },
};

/** Writes the attributes of NFT_MSG_NEWCHAIN but the table's name. @throws FlatnetError `invalid` for a hook that the family lacks */
export function encodeChain(builder: MessageBuilder, chain: Chain, family: TableFamily): void {
  builder.string(NFTA_CHAIN.name, chain.name);
  const { base } = chain;
  if (base === undefined) return;
  encodeHook(builder, base, family, base.devices);
  builder.be32(NFTA_CHAIN.policy, POLICIES[base.policy]).string(NFTA_CHAIN.type, base.type);
}

/** Writes where a chain is hooked, with some of its devices: NFTA_CHAIN_HOOK. */
export function encodeHook(
  builder: MessageBuilder,
  base: BaseChain,
  family: TableFamily,
  devices: readonly string[] | undefined,
): void {
  const number = HOOKS[family][base.hook];
  if (number === undefined)
    throw new FlatnetError({
      operation: 'encode chain',
      code: 'invalid',
      message: `tables of family ${family} have no hook ${base.hook}`,
      remedy: `use one of ${Object.keys(HOOKS[family]).join(', ')}`,
    });
  const nest = builder.beginNest(NFTA_CHAIN.hook);
  builder.be32(NFTA_HOOK.number, number).be32(NFTA_HOOK.priority, base.priority >>> 0);
  if (devices !== undefined) {
    const list = builder.beginNest(NFTA_HOOK.devices);
    for (const device of devices) builder.string(NFTA_DEVICE_NAME, device);
    builder.endNest(list);
  }
  builder.endNest(nest);
}

/** A chain as a dump tells it: without rules, and with the table that it stands in. */
export interface DecodedChain {
  readonly table: string;
  readonly chain: Chain;
}

/** Reads NFT_MSG_NEWCHAIN. */
export function decodeChain(message: NetlinkMessage, family: TableFamily): DecodedChain {
  const attributes = AttributeReader.ofMessage(message, NFGENMSG_LENGTH);
  let table = '';
  let name = '';
  let type: ChainType = 'filter';
  let policy: BaseChain['policy'] = 'accept';
  let hook: Pick<BaseChain, 'hook' | 'priority' | 'devices'> | undefined;
  while (attributes.next()) {
    switch (attributes.type) {
      case NFTA_CHAIN.table:
        table = attributes.string();
        break;
      case NFTA_CHAIN.name:
        name = attributes.string();
        break;
      case NFTA_CHAIN.type:
        type = chainType(attributes.string());
        break;
      case NFTA_CHAIN.policy:
        policy = attributes.be32() === POLICIES.drop ? 'drop' : 'accept';
        break;
      case NFTA_CHAIN.hook:
        hook = decodeHook(attributes.nested(), family);
        break;
    }
  }
  return { table, chain: { name, ...(hook !== undefined && { base: { type, ...hook, policy } }), rules: [] } };
}

function chainType(name: string): ChainType {
  return name === 'nat' || name === 'route' ? name : 'filter';
}

function decodeHook(
  attributes: AttributeReader,
  family: TableFamily,
): Pick<BaseChain, 'hook' | 'priority' | 'devices'> | undefined {
  let number = -1;
  let priority = 0;
  const devices: string[] = [];
  while (attributes.next()) {
    if (attributes.type === NFTA_HOOK.number) number = attributes.be32();
    else if (attributes.type === NFTA_HOOK.priority) priority = attributes.be32() | 0;
    else if (attributes.type === NFTA_HOOK.devices) {
      const list = attributes.nested();
      while (list.next()) if (list.type === NFTA_DEVICE_NAME) devices.push(list.string());
    }
  }
  const names = Object.keys(HOOKS[family]) as HookName[];
  const hook = names.find((name) => HOOKS[family][name] === number);
  if (hook === undefined) return undefined;
  const bound = family === 'netdev' || hook === 'ingress';
  return { hook, priority, ...(bound && { devices: devices.sort() }) };
}
