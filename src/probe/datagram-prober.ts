import type { Address } from '../address/address.ts';
import type { Family } from '../address/family.ts';
import { formatProbeRequest, type ProbeReply, parseProbeReply, parseProbeRequest } from './probe-message.ts';
import { failureOfErrno, failureOfError, type ProbeOutcome } from './probe-outcome.ts';
import type { SocketNamespace } from './probe-server.ts';
import { DatagramSocket } from './socket/datagram-socket.ts';
import type { SocketAddress } from './socket/socket-address.ts';
import { READABLE, type SocketPoller } from './socket/socket-poller.ts';
import type { RunningProbe } from './stream-probe.ts';

interface Waiting {
  readonly send: () => void;
  readonly finish: (outcome: ProbeOutcome) => void;
  arrival?: ProbeReply;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** A send reports an error of an earlier datagram of the same socket first, so it is tried again. */
const SEND_ATTEMPTS = 4;

/** Sends UDP probes through one socket a namespace and family, and sorts the answers by the probes' numbers. */
export class DatagramProber implements Disposable {
  readonly #poller: SocketPoller;
  readonly #sockets = new Map<SocketNamespace, Map<Family, DatagramSocket>>();
  readonly #waiting = new Map<number, Waiting>();
  #lastId = Math.floor(Math.random() * 2 ** 40);

  constructor(poller: SocketPoller) {
    this.#poller = poller;
  }

  /** Sends a probe and tells `done` once. */
  start(
    namespace: SocketNamespace,
    target: { readonly to: SocketAddress; readonly source?: Address },
    done: (outcome: ProbeOutcome) => void,
  ): RunningProbe {
    const id = ++this.#lastId;
    const request = encoder.encode(formatProbeRequest(id));
    const finish = (outcome: ProbeOutcome) => {
      const { arrival } = this.#waiting.get(id) ?? {};
      if (!this.#waiting.delete(id)) return;
      done(outcome.kind === 'failed' && arrival !== undefined ? { ...outcome, arrival } : outcome);
    };
    const send = () => {
      try {
        const socket = this.#socket(namespace, target.to.address.family);
        for (let attempt = 1; ; attempt++) {
          const errno = socket.send(request, target.to, target.source);
          if (errno === 0) return;
          this.#collect(socket);
          if (attempt < SEND_ATTEMPTS) continue;
          const { source } = target;
          // sendmsg(2) calls a source that isn't local unreachable; bind(2) says what is the matter.
          if (source !== undefined) namespace.run(() => new DatagramSocket(source.family, { address: source }).close());
          return finish(failureOfErrno(errno));
        }
      } catch (error) {
        finish(failureOfError(error));
      }
    };
    this.#waiting.set(id, { send, finish });
    send();
    return { cancel: finish, repeat: () => this.#waiting.get(id)?.send() };
  }

  /** Notes that a probe arrived, so that a lost answer can be told from a lost probe. */
  noteArrival(arrival: ProbeReply): void {
    const waiting = this.#waiting.get(arrival.id);
    if (waiting !== undefined) waiting.arrival = arrival;
  }

  /** Closes the sockets; probes under way end as aborted. */
  close(): void {
    for (const { finish } of [...this.#waiting.values()]) finish({ kind: 'failed', reason: 'aborted' });
    for (const families of this.#sockets.values())
      for (const socket of families.values()) {
        this.#poller.remove(socket.fd);
        socket.close();
      }
    this.#sockets.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #socket(namespace: SocketNamespace, family: Family): DatagramSocket {
    const families = this.#sockets.get(namespace) ?? new Map<Family, DatagramSocket>();
    this.#sockets.set(namespace, families);
    const known = families.get(family);
    if (known !== undefined) return known;
    const socket = namespace.run(() => new DatagramSocket(family));
    this.#poller.add(socket.fd, READABLE, () => this.#collect(socket));
    families.set(family, socket);
    return socket;
  }

  #collect(socket: DatagramSocket): void {
    for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive()) {
      const { peer: replyFrom, local: sentFrom } = datagram;
      const reply = parseProbeReply(decoder.decode(datagram.data));
      if (reply !== undefined) this.#waiting.get(reply.id)?.finish({ kind: 'delivered', reply, sentFrom, replyFrom });
    }
    for (let back = socket.returned(); back !== undefined; back = socket.returned()) {
      const id = parseProbeRequest(decoder.decode(back.data));
      if (id !== undefined) this.#waiting.get(id)?.finish(failureOfErrno(back.errno));
    }
  }
}
