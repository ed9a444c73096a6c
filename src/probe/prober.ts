import type { Address } from '../address/address.ts';
import { DatagramProber } from './datagram-prober.ts';
import type { ProbeReply } from './probe-message.ts';
import type { ProbeOutcome, ProbeProtocol } from './probe-outcome.ts';
import type { SocketNamespace } from './probe-server.ts';
import type { SocketAddress } from './socket/socket-address.ts';
import type { SocketPoller } from './socket/socket-poller.ts';
import { type RunningProbe, startStreamProbe } from './stream-probe.ts';

export interface ProbeRequest {
  readonly namespace: SocketNamespace;
  /** Absent: the source that the kernel selects. */
  readonly source?: Address;
  readonly to: SocketAddress;
  readonly protocol: ProbeProtocol;
  /** Milliseconds until an unanswered probe has failed. */
  readonly timeout?: number;
}

const DEFAULT_TIMEOUT = 2000;
/** A probe is repeated at these parts of its timeout and has failed at the last. */
const STEPS: readonly number[] = [1 / 8, 3 / 8, 5 / 8, 1];

/** Sends probes from any number of network namespaces, as many at a time as are asked for. */
export class Prober implements Disposable {
  readonly #poller: SocketPoller;
  readonly #datagrams: DatagramProber;
  readonly #running = new Set<RunningProbe>();

  constructor(poller: SocketPoller) {
    this.#poller = poller;
    this.#datagrams = new DatagramProber(poller);
  }

  /** Sends one probe. What the network does to it is an outcome. @throws FlatnetError where there are no sockets left */
  async probe(request: ProbeRequest): Promise<ProbeOutcome> {
    const { promise, resolve } = Promise.withResolvers<ProbeOutcome>();
    let timer: NodeJS.Timeout | undefined;
    let ended = false;
    const running = this.#start(request, (outcome) => {
      ended = true;
      clearTimeout(timer);
      resolve(outcome);
    });
    const timeout = request.timeout ?? DEFAULT_TIMEOUT;
    const schedule = (step: number) => {
      if (ended) return;
      const part = (STEPS[step] ?? 1) - (STEPS[step - 1] ?? 0);
      timer = setTimeout(() => {
        // The answer may be waiting behind a turn of the event loop that took long.
        this.#poller.poll();
        if (step === STEPS.length - 1) return running.cancel({ kind: 'failed', reason: 'timeout' });
        running.repeat();
        schedule(step + 1);
      }, part * timeout);
    };
    this.#running.add(running);
    schedule(0);
    try {
      return await promise;
    } finally {
      this.#running.delete(running);
    }
  }

  /** To be told of the arrivals that the probe server of the same process sees. */
  noteArrival(arrival: ProbeReply): void {
    this.#datagrams.noteArrival(arrival);
  }

  /** Ends the probes under way as aborted. */
  close(): void {
    for (const running of [...this.#running]) running.cancel({ kind: 'failed', reason: 'aborted' });
    this.#datagrams.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #start(request: ProbeRequest, done: (outcome: ProbeOutcome) => void): RunningProbe {
    if (request.protocol === 'udp') return this.#datagrams.start(request.namespace, request, done);
    return startStreamProbe(this.#poller, request.namespace, request, done);
  }
}
