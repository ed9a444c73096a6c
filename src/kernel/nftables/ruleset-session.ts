import { FlatnetError } from '../../error/flatnet-error.ts';
import type { NamedMap, NamedSet, Table } from '../../netfilter/node.ts';
import type { TableChange, TableName } from '../../netfilter/table-change.ts';
import type { MessageFailure } from '../netlink/netlink-socket.ts';
import { NetlinkSocket } from '../netlink/netlink-socket.ts';
import type { NetworkNamespace } from '../network-namespace.ts';
import { readRules, readSetDeclarations, readTable, readTableListings, type TableListing } from './ruleset-reader.ts';
import { type TableDirectory, TransactionEncoder } from './transaction-encoder.ts';

/** Asked for; what a user namespace grants is far less. */
const SEND_BUFFER = 64 << 20;
const RECEIVE_BUFFER = 4 << 20;

/**
 * The one socket that writes nf_tables in a network namespace. Tables made through it with the flag `owner` can be
 * changed through it alone; with `persist` they outlive it. One request at a time.
 */
export class RulesetSession implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #port: number;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
    this.#port = socket.portId();
  }

  /** Opens one in a namespace, the thread's own unless told otherwise. */
  static open(namespace?: NetworkNamespace): RulesetSession {
    const socket = NetlinkSocket.open('netfilter', {
      ...(namespace !== undefined && { namespace }),
      sendBuffer: SEND_BUFFER,
      receiveBuffer: RECEIVE_BUFFER,
    });
    return new RulesetSession(socket);
  }

  /** Netlink port of the socket: `owner` of the tables that it owns. */
  get port(): number {
    return this.#port;
  }

  /** Names, owners and hooks of all tables of the namespace, ours and others'. */
  list(): TableListing[] {
    return readTableListings(this.#socket);
  }

  /** A table with all that is in it; undefined where there is none. */
  read(name: TableName): Table | undefined {
    return readTable(this.#socket, name);
  }

  /**
   * Carries changes out as one transaction: all of them or, where it throws, none.
   * @throws FlatnetError that names the change which the kernel refused; `permission` where a table is another socket's
   */
  apply(changes: readonly TableChange[]): void {
    const encoder = this.#encode(changes);
    if (encoder === undefined) return;
    this.#check(this.#socket.exchange(encoder.builder), encoder, changes);
  }

  /** As `apply`, with the kernel's work done off the JavaScript thread. */
  async applyAsync(changes: readonly TableChange[]): Promise<void> {
    const encoder = this.#encode(changes);
    if (encoder === undefined) return;
    this.#check(await this.#socket.exchangeAsync(encoder.builder), encoder, changes);
  }

  #encode(changes: readonly TableChange[]): TransactionEncoder | undefined {
    if (changes.length === 0) return undefined;
    const encoder = new TransactionEncoder(this.#directory());
    encoder.encode(changes);
    if (encoder.empty) return undefined;
    if (encoder.builder.length <= this.#socket.longestRequest) return encoder;
    throw new FlatnetError({
      operation: 'change tables',
      code: 'exhausted',
      message: `a transaction of ${encoder.builder.length} bytes exceeds the socket's buffer of ${this.#socket.longestRequest}`,
      remedy: 'raise net.core.wmem_max, or apply it in stages',
    });
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
    if (failure === undefined) return;
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
