import { FlatnetError } from '../../error/flatnet-error.ts';
import { AMPLE_SIZE } from '../../netfilter/canonical-table.ts';
import { mergedElements } from '../../netfilter/element-key.ts';
import type { Chain, NamedMap, NamedSet, Rule, Table, TableFamily } from '../../netfilter/node.ts';
import { type ElementList, PackedElements } from '../../netfilter/packed-elements.ts';
import type { TableChange, TableName } from '../../netfilter/table-change.ts';
import { NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST } from '../netlink/message.ts';
import { MessageBuilder } from '../netlink/message-builder.ts';
import {
  FAMILY_NUMBERS,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG,
  NFTA_CHAIN,
  NFTA_ELEMENT_LIST,
  NFTA_RULE,
  NFTA_SET,
  NFTA_TABLE,
  TABLE_FLAGS,
} from './attribute-type.ts';
import { encodeChain, encodeHook } from './chain-codec.ts';
import { ElementEncoder } from './element-encoder.ts';
import { elementStencil } from './element-stencil.ts';
import { encodeExpression } from './expression-encoder.ts';
import type { SetReference } from './kernel-expression.ts';
import { assembleRule } from './rule-assembler.ts';
import { encodeSet } from './set-codec.ts';
import { encodeRuleComment } from './userdata.ts';

/** Lists of elements are attributes, of at most 65,535 bytes; one element takes well under 1,000. */
const ELEMENT_LIST_BYTES = 64_000;

/** What the encoder must know of the tables that a transaction changes but doesn't make. */
export interface TableDirectory {
  /** A set or map that the kernel has; its elements don't matter. */
  findSet(table: TableName, name: string): NamedSet | NamedMap | undefined;
  /** Handles of the rules in a chain that bear this comment. */
  findRules(table: TableName, chain: string, comment: string): readonly bigint[];
}

/**
 * Writes changes as one nf_tables transaction: between a begin and an end message, of which the kernel carries out all or
 * nothing. The last message in between asks for an acknowledgement.
 */
export class TransactionEncoder {
  readonly builder: MessageBuilder;
  readonly #directory: TableDirectory;
  /** Sets and maps that this transaction declares, by table and name. */
  readonly #declared = new Map<string, NamedSet | NamedMap>();
  /** For every message the index of the change that it is part of. */
  readonly #changeOfMessage: number[] = [];
  #change = 0;
  #setId = 0;

  constructor(directory: TableDirectory, capacity?: number) {
    this.#directory = directory;
    this.builder = new MessageBuilder(capacity);
  }

  /** Writes the whole transaction. @throws FlatnetError naming what can't be encoded */
  encode(changes: readonly TableChange[]): MessageBuilder {
    this.#batchMessage(NFNL_MSG_BATCH_BEGIN);
    for (const [index, change] of changes.entries()) {
      this.#change = index;
      this.#encodeChange(change);
    }
    this.builder.addFlags(NLM_F_ACK);
    this.#batchMessage(NFNL_MSG_BATCH_END);
    return this.builder;
  }

  /** Index of the change that a message belongs to. */
  changeOfMessage(message: number): number | undefined {
    return this.#changeOfMessage[message];
  }

  /** True where there is nothing between begin and end. */
  get empty(): boolean {
    return this.builder.count <= 2;
  }

  /** `struct nfgenmsg`: family, version, resource id in network byte order. */
  #batchMessage(type: number): void {
    this.#begin(type, NLM_F_REQUEST);
    this.builder.rawBytes(0, 0, 0, NFNL_SUBSYS_NFTABLES).end();
  }

  #begin(type: number, flags: number): void {
    this.#changeOfMessage[this.builder.begin(type, flags)] = this.#change;
  }

  #message(type: number, flags: number, family: TableFamily): MessageBuilder {
    this.#begin(type, NLM_F_REQUEST | flags);
    return this.builder.rawBytes(FAMILY_NUMBERS[family], 0, 0, 0);
  }

  #encodeChange(change: TableChange): void {
    switch (change.kind) {
      case 'add-table':
        this.#addTable(change.table);
        return;
      case 'remove-table':
        this.#message(NFT_MSG.deleteTable, 0, change.table.family).string(NFTA_TABLE.name, change.table.name).end();
        return;
      case 'add-chain':
        this.#addChain(change.table, change.chain);
        for (const rule of change.chain.rules) this.#addRule(change.table, change.chain.name, rule, NLM_F_APPEND);
        return;
      case 'flush-chain':
        this.#flush(change.table, change.chain);
        return;
      case 'replace-rules':
        this.#flush(change.table, change.chain.name);
        for (const rule of change.chain.rules) this.#addRule(change.table, change.chain.name, rule, NLM_F_APPEND);
        return;
      case 'remove-chain':
        this.#message(NFT_MSG.deleteChain, 0, change.table.family)
          .string(NFTA_CHAIN.table, change.table.name)
          .string(NFTA_CHAIN.name, change.chain)
          .end();
        return;
      case 'add-devices':
        this.#changeDevices(NFT_MSG.newChain, NLM_F_CREATE, change);
        return;
      case 'remove-devices':
        this.#changeDevices(NFT_MSG.deleteChain, 0, change);
        return;
      case 'insert-rule':
        this.#addRule(change.table, change.chain, change.rule, 0);
        return;
      case 'remove-rule':
        this.#removeRules(change);
        return;
      case 'add-set':
        this.#addSet(change.table, change.set);
        return;
      case 'add-map':
        this.#addSet(change.table, change.map);
        return;
      case 'remove-set':
        this.#message(NFT_MSG.deleteSet, 0, change.table.family)
          .string(NFTA_SET.table, change.table.name)
          .string(NFTA_SET.name, change.set)
          .end();
        this.#declared.delete(key(change.table, change.set));
        return;
      case 'add-elements':
        this.#elements(change.table, change.set, change.elements, true);
        return;
      case 'remove-elements':
        this.#elements(change.table, change.set, change.elements, false);
        return;
      default:
        change satisfies never;
    }
  }

  #addTable(table: Table): void {
    const flags = table.flags.reduce((sum, flag) => sum | TABLE_FLAGS[flag], 0);
    this.#message(NFT_MSG.newTable, NLM_F_CREATE, table.family)
      .string(NFTA_TABLE.name, table.name)
      .be32(NFTA_TABLE.flags, flags)
      .end();
    // Rules and verdict maps refer to chains, and rules to sets.
    for (const chain of table.chains) this.#addChain(table, chain);
    for (const set of [...table.sets, ...table.maps]) this.#addSet(table, set);
    for (const chain of table.chains)
      for (const rule of chain.rules) this.#addRule(table, chain.name, rule, NLM_F_APPEND);
  }

  #addChain(table: TableName, chain: Chain): void {
    const builder = this.#message(NFT_MSG.newChain, NLM_F_CREATE | NLM_F_EXCL, table.family);
    builder.string(NFTA_CHAIN.table, table.name);
    encodeChain(builder, chain, table.family);
    builder.end();
  }

  #changeDevices(
    type: number,
    flags: number,
    change: Extract<TableChange, { kind: 'add-devices' | 'remove-devices' }>,
  ): void {
    const { table, chain, devices } = change;
    if (chain.base === undefined)
      throw new FlatnetError({
        operation: 'encode transaction',
        code: 'invalid',
        message: `chain ${chain.name} is no base chain: it has no devices`,
      });
    const builder = this.#message(type, flags, table.family);
    builder.string(NFTA_CHAIN.table, table.name).string(NFTA_CHAIN.name, chain.name);
    encodeHook(builder, chain.base, table.family, devices);
    builder.end();
  }

  #flush(table: TableName, chain: string): void {
    this.#message(NFT_MSG.deleteRule, 0, table.family)
      .string(NFTA_RULE.table, table.name)
      .string(NFTA_RULE.chain, chain)
      .end();
  }

  #removeRules({ table, chain, comment }: Extract<TableChange, { kind: 'remove-rule' }>): void {
    for (const handle of this.#directory.findRules(table, chain, comment))
      this.#message(NFT_MSG.deleteRule, 0, table.family)
        .string(NFTA_RULE.table, table.name)
        .string(NFTA_RULE.chain, chain)
        .be64(NFTA_RULE.handle, handle)
        .end();
  }

  #addRule(table: TableName, chain: string, rule: Rule, flags: number): void {
    const expressions = assembleRule(rule, {
      family: table.family,
      findSet: (name) => this.#declared.get(key(table, name)) ?? this.#directory.findSet(table, name),
      addAnonymous: (set) => this.#addAnonymous(table, set),
    });
    const builder = this.#message(NFT_MSG.newRule, NLM_F_CREATE | flags, table.family);
    builder.string(NFTA_RULE.table, table.name).string(NFTA_RULE.chain, chain);
    const list = builder.beginNest(NFTA_RULE.expressions);
    for (const expression of expressions) encodeExpression(builder, expression);
    builder.endNest(list);
    if (rule.comment !== undefined) builder.attribute(NFTA_RULE.userdata, encodeRuleComment(rule.comment));
    builder.end();
  }

  #addAnonymous(table: TableName, set: NamedSet | NamedMap): SetReference {
    return { name: set.name, id: this.#addSet(table, set) };
  }

  #addSet(table: TableName, set: NamedSet | NamedMap): number {
    const id = ++this.#setId;
    const declare = (flags: number, size: number | undefined) => {
      const builder = this.#message(NFT_MSG.newSet, NLM_F_CREATE | flags, table.family);
      builder.string(NFTA_SET.table, table.name);
      encodeSet(builder, set, id, size);
      builder.end();
    };
    declare(NLM_F_EXCL, set.size ?? set.expected);
    // The size that a set is made with is also the most that it may hold, which nobody meant.
    if (set.size === undefined && set.expected !== undefined) declare(0, AMPLE_SIZE);
    this.#declared.set(key(table, set.name), set);
    this.#elements(table, set, mergedElements(set), true, id);
    return id;
  }

  /** Writes as many messages as the elements need. */
  #elements(table: TableName, set: NamedSet | NamedMap, elements: ElementList, adds: boolean, id?: number): void {
    if (elements instanceof PackedElements) {
      this.#packedElements(table, set.name, elements, adds);
      return;
    }
    const encoder = new ElementEncoder(set);
    let list: number | undefined;
    for (const element of elements) {
      list ??= this.#beginElements(table, set.name, adds, id);
      encoder.encode(this.builder, element, adds);
      if (this.builder.nestLength(list) < ELEMENT_LIST_BYTES) continue;
      this.builder.endNest(list).end();
      list = undefined;
    }
    if (list !== undefined) this.builder.endNest(list).end();
  }

  #packedElements(table: TableName, set: string, elements: PackedElements, adds: boolean): void {
    const stencil = elementStencil(elements, adds);
    const most = Math.floor(ELEMENT_LIST_BYTES / stencil.template.byteLength);
    for (let from = 0; from < elements.length; from += most) {
      const list = this.#beginElements(table, set, adds, undefined);
      const rows = elements.slice(from, Math.min(from + most, elements.length));
      this.builder.stencilled(stencil, rows.words).endNest(list).end();
    }
  }

  #beginElements(table: TableName, set: string, adds: boolean, id: number | undefined): number {
    const type = adds ? NFT_MSG.newElements : NFT_MSG.deleteElements;
    const builder = this.#message(type, adds ? NLM_F_CREATE | NLM_F_EXCL : 0, table.family);
    builder.string(NFTA_ELEMENT_LIST.table, table.name).string(NFTA_ELEMENT_LIST.set, set);
    if (id !== undefined) builder.be32(NFTA_ELEMENT_LIST.setId, id);
    return builder.beginNest(NFTA_ELEMENT_LIST.elements);
  }
}

function key({ family, name }: TableName, set: string): string {
  return `${family} ${name} ${set}`;
}
