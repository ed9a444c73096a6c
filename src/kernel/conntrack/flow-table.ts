import { constants } from 'node:os';
import { linuxFamily } from '../../address/family.ts';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { type NetlinkMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST } from '../netlink/message.ts';
import { MessageBuilder } from '../netlink/message-builder.ts';
import { NetlinkSocket } from '../netlink/netlink-socket.ts';
import type { NetworkNamespace } from '../network-namespace.ts';
import type { Flow, FlowFilter } from './flow.ts';
import { CTA, decodeFlow, encodeTuple } from './flow-codec.ts';
import { matchesFilter } from './flow-filter.ts';

/** NFNL_SUBSYS_CTNETLINK, in the high byte of its message types. */
const SUBSYSTEM = 1 << 8;
const IPCTNL_MSG_CT_GET = SUBSYSTEM | 1;
const IPCTNL_MSG_CT_DELETE = SUBSYSTEM | 2;
const ANY_FAMILY = 0;

/** Deletions in one send: each that fails is answered, and the answers wait in the receive buffer. */
const BATCH = 200;

/** The flows that conntrack follows in one network namespace. */
export class FlowTable implements Disposable {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Opens one for a namespace, the thread's own unless told otherwise. */
  static open(namespace?: NetworkNamespace): FlowTable {
    return new FlowTable(NetlinkSocket.open('netfilter', namespace === undefined ? {} : { namespace }));
  }

  /** The flows that match all that is asked for; all flows where nothing is. */
  list(filter: FlowFilter = {}): Flow[] {
    return this.#socket.dump(
      listRequest(),
      flowDecoder((flow) => matchesFilter(flow, filter)),
    );
  }

  /** The flows that `matches`, some of all looked at at a time; nothing else is to be asked before the end. */
  find(matches: (flow: Flow) => boolean): Generator<void, Flow[]> {
    return this.#socket.dumpSteps(listRequest(), flowDecoder(matches));
  }

  /** How many flows match. */
  count(filter: FlowFilter = {}): number {
    return this.list(filter).length;
  }

  /**
   * Deletes flows. One that has gone by itself, or made room for a new flow of the same tuple, is left out.
   * @returns how many were deleted
   */
  delete(flows: readonly Flow[]): number {
    let deleted = 0;
    for (let start = 0; start < flows.length; start += BATCH)
      deleted += this.#deleteBatch(flows.slice(start, start + BATCH));
    return deleted;
  }

  /** Deletes the flows that match all that is asked for. @returns how many were deleted */
  deleteMatching(filter: FlowFilter): number {
    if (Object.keys(filter).length === 0)
      throw new FlatnetError({
        operation: 'delete flows',
        code: 'invalid',
        message: 'an empty filter stands for every flow of the host',
        remedy: 'say which flows are meant',
      });
    return this.delete(this.list(filter));
  }

  #deleteBatch(flows: readonly Flow[]): number {
    const builder = new MessageBuilder(128 * flows.length);
    for (const flow of flows) {
      builder.begin(IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST | NLM_F_ACK);
      builder.rawBytes(linuxFamily(flow.original.source.family), 0, 0, 0);
      encodeTuple(builder, CTA.original, flow.original);
      builder.be32(CTA.id, flow.id);
      if (flow.zone !== 0) builder.be16(CTA.zone, flow.zone);
      builder.end();
    }
    const failures = this.#socket.exchange(builder);
    for (const { error } of failures) if (error.errno !== constants.errno.ENOENT) throw error;
    return flows.length - failures.length;
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function listRequest(): MessageBuilder {
  const builder = new MessageBuilder(64);
  builder.begin(IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP);
  return builder.rawBytes(ANY_FAMILY, 0, 0, 0).end();
}

function flowDecoder(matches: (flow: Flow) => boolean): (message: NetlinkMessage) => Flow | undefined {
  return (message) => {
    const flow = decodeFlow(message);
    return flow !== undefined && matches(flow) ? flow : undefined;
  };
}
