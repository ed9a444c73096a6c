import { FlatnetError } from '../../error/flatnet-error.ts';
import type { NamedMap, NamedSet, Table } from '../../netfilter/node.ts';
import type { PackedElements } from '../../netfilter/packed-elements.ts';
import type { TableChange, TableName } from '../../netfilter/table-change.ts';
import type { MessageFailure } from '../netlink/netlink-socket.ts';
import { NetlinkSocket } from '../netlink/netlink-socket.ts';
import type { NetworkNamespace } from '../network-namespace.ts';
import { adaptChanges } from './adapted-change.ts';
import { type KernelFeatures, kernelFeatures } from './kernel-feature.ts';
import { dumpPacked, findPacked } from './packed-element-reader.ts';
import {
  readGeneration,
  readRules,
  readSetDeclarations,
  readTable,
  readTableListings,
  readTableSteps,
  type TableListing,
} from './ruleset-reader.ts';
import { stagedTransactions } from './staged-transaction.ts';
import { type TableDirectory, TransactionEncoder } from './transaction-encoder.ts';

/** Asked for; what a user namespace grants is far less. */
const SEND_BUFFER = 64 << 20;
const RECEIVE_BUFFER = 4 << 20;

export interface RulesetSessionOptions {
  /** What the kernel can do; found out unless given. */
  readonly features?: KernelFeatures;
  /** Bytes of a transaction at most; what the socket's buffer takes unless less is given. */
  readonly longestTransaction?: number;
}

interface EncodedTransaction {
  readonly encoder: TransactionEncoder;
  readonly part: readonly TableChange[];
}

/**
 * The one socket that writes nf_tables in a network namespace. Tables made through it with the flag `owner` can be
 * changed through it alone; with `persist` they outlive it. One request at a time.
 */
export class RulesetSession implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #port: number;
  readonly #features: KernelFeatures;
  /** Bytes of the longest transaction that goes in at once. */
  readonly longestTransaction: number;
  /** The generation of the ruleset after what is known to have happened. */
  #generation: number | undefined;

  private constructor(socket: NetlinkSocket, options: RulesetSessionOptions) {
    this.#socket = socket;
    this.#port = socket.portId();
    this.#features = options.features ?? kernelFeatures();
    this.longestTransaction = Math.min(socket.longestRequest, options.longestTransaction ?? Number.POSITIVE_INFINITY);
  }

  /** Opens one in a namespace, the thread's own unless told otherwise. */
  static open(namespace?: NetworkNamespace, options: RulesetSessionOptions = {}): RulesetSession {
    const socket = NetlinkSocket.open('netfilter', {
      ...(namespace !== undefined && { namespace }),
      sendBuffer: SEND_BUFFER,
      receiveBuffer: RECEIVE_BUFFER,
    });
    return new RulesetSession(socket, options);
  }

  /** Whether tables that are made `owner` and `persist` are protected from others: older kernels can't. */
  get protects(): boolean {
    return this.#features.persistentOwner;
  }

  /** Netlink port of the socket: `owner` of the tables that it owns. */
  get port(): number {
    return this.#port;
  }

  /** Names, owners and hooks of all tables of the namespace, ours and others'. */
  list(): TableListing[] {
    return readTableListings(this.#socket);
  }

  /** Counts the transactions of the namespace, others' too; it wraps. */
  generation(): number {
    return readGeneration(this.#socket);
  }

  /** A table with all that is in it; undefined where there is none. */
  read(name: TableName): Table | undefined {
    return readTable(this.#socket, name);
  }

  /** The same without the elements of some of its sets and maps, some of it at a time. */
  readWithout(name: TableName, sets: ReadonlySet<string>): Generator<void, Table | undefined> {
    return readTableSteps(this.#socket, name, sets);
  }

  /** All elements of a set or map of single values, some at a time; nothing else is to be asked before the end. */
  readElements(table: TableName, set: NamedSet | NamedMap): Generator<void, PackedElements> {
    return dumpPacked(this.#socket, table, set);
  }

  /** Those that have these keys, at a cost of their number and not of the set's; undefined where one isn't there. */
  findElements(table: TableName, set: NamedSet | NamedMap, keys: PackedElements): Promise<PackedElements | undefined> {
    return findPacked(this.#socket, table, set, keys);
  }

  /**
   * Carries changes out as one transaction: all of them or, where it throws, none. Where they exceed the socket's buffer,
   * in several: packets still meet each table as it was or as it must be, and what a failure leaves over is in no use.
   * `add-table` of a table that is there without an owner takes it over, with what is in it.
   * @throws FlatnetError that names the change which the kernel refused; `permission` where a table is another socket's
   */
  apply(changes: readonly TableChange[]): void {
    for (const { encoder, part } of this.#transactions(changes))
      this.#check(this.#socket.exchange(encoder.builder), encoder, part);
  }

  /** As `apply`, with the kernel's work done off the JavaScript thread. */
  applyAsync(changes: readonly TableChange[]): Promise<void> {
    return this.prepare(changes)();
  }

  /**
   * What `applyAsync` has to do before it asks the kernel, where these are changes of elements alone: that may be done
   * while another request is under way.
   * @returns carries them out; to be called once
   */
  prepare(changes: readonly TableChange[]): () => Promise<void> {
    const whole = changes.every(isOfElements) ? this.#encode(changes) : undefined;
    return () => this.#carryOut(this.#transactions(changes, whole));
  }

  async #carryOut(transactions: Iterable<EncodedTransaction>): Promise<void> {
    for (const { encoder, part } of transactions) {
      const failures = await this.#socket.exchangeAsync(encoder.builder);
      // The call that took them keeps hold of a load's megabytes until the next one of its kind.
      encoder.builder.release();
      this.#check(failures, encoder, part);
    }
  }

  /**
   * The transactions that changes are carried out in, one after the other: each is made when the one before is done.
   * @param encoded all of them as one, where that has been done before
   */
  *#transactions(changes: readonly TableChange[], encoded?: EncodedTransaction): Generator<EncodedTransaction> {
    const adapted = adaptChanges(changes, this.#features);
    const whole = encoded ?? this.#encode(adapted);
    if (whole.encoder.empty) return;
    if (this.#fits(whole)) {
      yield whole;
      return;
    }
    const limits = {
      fits: (part: readonly TableChange[]) => this.#fits(this.#encode(part)),
      read: (table: TableName) => this.read(table),
    };
    for (const part of stagedTransactions(adapted, limits)) yield this.#encode(part);
  }

  #fits({ encoder }: EncodedTransaction): boolean {
    return encoder.builder.length <= this.longestTransaction;
  }

  #encode(part: readonly TableChange[]): EncodedTransaction {
    const encoder = new TransactionEncoder(this.#directory(), expectedBytes(part));
    encoder.encode(part);
    return { encoder, part };
  }

  /**
   * True where somebody else has changed any table of the namespace since this was last asked; the first time, false. It
   * costs some microseconds. To listen for notifications instead would cost every load dear: the kernel writes one for each
   * element as soon as anybody listens, and a load of 110,000 elements takes five times as long.
   */
  changedByOthers(): boolean {
    const generation = readGeneration(this.#socket);
    const expected = this.#generation;
    this.#generation = generation;
    return expected !== undefined && expected !== generation;
  }

  /** Declarations are read from the kernel, once a transaction and table, where the transaction doesn't have them. */
  #directory(): TableDirectory {
    const read = new Map<string, ReadonlyMap<string, { readonly set: NamedSet | NamedMap }>>();
    return {
      findSet: (table, name) => {
        const key = `${table.family} ${table.name}`;
        let sets = read.get(key);
        if (sets === undefined) {
          sets = readSetDeclarations(this.#socket, table);
          read.set(key, sets);
        }
        return sets.get(name)?.set;
      },
      findRules: (table, chain, comment) =>
        readRules(this.#socket, table, chain)
          .filter((rule) => rule.comment === comment)
          .map((rule) => rule.handle),
    };
  }

  #check(failures: readonly MessageFailure[], encoder: TransactionEncoder, changes: readonly TableChange[]): void {
    const [failure] = failures;
    if (failure === undefined) {
      // Every transaction counts one, and 0 is left out.
      if (this.#generation !== undefined) this.#generation = (this.#generation + 1) >>> 0 || 1;
      return;
    }
    const index = encoder.changeOfMessage(failure.index);
    const change = index === undefined ? undefined : changes[index];
    const { error } = failure;
    throw new FlatnetError({
      operation: 'change tables',
      code: error.code,
      message: `${change === undefined ? 'transaction' : describeChange(change)}: ${error.message}`,
      ...(error.remedy !== undefined && { remedy: error.remedy }),
      ...(error.errno !== undefined && { errno: error.errno }),
      cause: error,
    });
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function isOfElements({ kind }: TableChange): boolean {
  return kind === 'add-elements' || kind === 'remove-elements';
}

/** About as many bytes as a transaction takes, so that its buffer need not grow many times. */
function expectedBytes(changes: readonly TableChange[]): number {
  const sets = changes.flatMap((change): readonly { readonly elements: { readonly length: number } }[] => {
    if (change.kind === 'add-table') return [...change.table.sets, ...change.table.maps];
    if (change.kind === 'add-set') return [change.set];
    if (change.kind === 'add-map') return [change.map];
    return 'elements' in change ? [change] : [];
  });
  return sets.reduce((sum, { elements }) => sum + 96 * elements.length, 4096);
}

/** `add-elements @eps of ip flatnet`. */
function describeChange(change: TableChange): string {
  const { family, name } = change.table;
  const what =
    'chain' in change
      ? ` ${typeof change.chain === 'string' ? change.chain : change.chain.name}`
      : 'set' in change
        ? ` @${typeof change.set === 'string' ? change.set : change.set.name}`
        : 'map' in change
          ? ` @${change.map.name}`
          : '';
  return `${change.kind}${what} of ${family} ${name}`;
}
