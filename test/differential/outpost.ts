import { constants } from 'node:os';
import { parseAddress } from '../../src/address/address.ts';
import { checkCall, loadLibc } from '../../src/kernel/libc.ts';
import { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { DatagramSocket } from '../../src/probe/socket/datagram-socket.ts';
import { calls } from '../../src/probe/socket/socket-calls.ts';
import { READABLE } from '../../src/probe/socket/socket-poller.ts';
import type { Packet } from '../../src/verify/model/packet.ts';
import { runIn } from '../namespace.ts';
import type { Laboratory } from './laboratory.ts';
import { RawStation } from './raw-station.ts';
import { SITES, type SiteName } from './site-plan.ts';
import { type Content, type Decoded, encodePacket } from './wire.ts';

const EPOLL_CTL_ADD = 1;
const EPOLL_CLOEXEC = 0o2000000;
/** `struct epoll_event` is packed on x86-64 only. */
const EVENT_SIZE = process.arch === 'x64' ? 12 : 16;
const BATCH = 64;
/** Passes of the marker: a packet may queue behind it once a hop. */
const PASSES = 3;

/** A packet heard by a host. */
export interface Sighting extends Decoded {
  readonly site: SiteName;
}

/** Sends from the laboratory's hosts, and hears what comes of it. */
export class Outpost implements Disposable {
  readonly #stations: ReadonlyMap<SiteName, RawStation>;
  readonly #siteOf: ReadonlyMap<number, SiteName>;
  readonly #epoll: number;
  readonly #events = new DataView(new ArrayBuffer(EVENT_SIZE * BATCH));
  readonly #eventBytes = new Uint8Array(this.#events.buffer);
  readonly #marker: Marker;

  constructor(laboratory: Laboratory) {
    this.#stations = new Map(SITES.map((site) => [site, new RawStation(laboratory.namespace(site))]));
    this.#siteOf = new Map(
      [...this.#stations].flatMap(([site, { listeners }]) => [...listeners.keys()].map((fd) => [fd, site] as const)),
    );
    this.#epoll = checkCall('epoll_create1', calls.epoll_create1(EPOLL_CLOEXEC));
    for (const fd of this.#siteOf.keys()) {
      const registration = new DataView(new ArrayBuffer(EVENT_SIZE));
      registration.setUint32(0, READABLE, true);
      registration.setInt32(EVENT_SIZE - 8, fd, true);
      checkCall('epoll_ctl', calls.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, new Uint8Array(registration.buffer)));
    }
    this.#marker = new Marker();
  }

  /**
   * Sends a packet and gives all that is heard until the kernel has nothing left to do with it; undefined where the socket
   * itself takes nothing so long (EMSGSIZE), since the device that it would leave by doesn't.
   */
  send(from: SiteName, packet: Packet, content: Content, mark: number): readonly Sighting[] | undefined {
    const bytes = encodePacket(packet, content);
    const error = this.#stations.get(from)?.send(bytes, packet.source, packet.destination, mark);
    if (error === constants.errno.EMSGSIZE) return undefined;
    const heard: Sighting[] = [];
    for (let pass = 0; pass < PASSES; pass++) {
      this.#marker.pass();
      this.#hear(heard);
    }
    return heard;
  }

  /** Hears what is under way yet; where the kernel is late, for some milliseconds. */
  listen(milliseconds: number): readonly Sighting[] {
    const heard: Sighting[] = [];
    const deadline = performance.now() + milliseconds;
    do {
      this.#hear(heard, 1);
      this.#marker.pass();
    } while (performance.now() < deadline);
    return heard;
  }

  #hear(heard: Sighting[], timeout = 0): void {
    for (;;) {
      const count = calls.epoll_wait(this.#epoll, this.#eventBytes, BATCH, timeout);
      if (count <= 0) return;
      for (let index = 0; index < count; index++) {
        const fd = this.#events.getInt32(index * EVENT_SIZE + EVENT_SIZE - 8, true);
        const site = this.#siteOf.get(fd);
        const station = site === undefined ? undefined : this.#stations.get(site);
        if (site === undefined || station === undefined) continue;
        for (let next = station.hear(fd); next !== undefined; next = station.hear(fd)) heard.push({ site, ...next });
      }
    }
  }

  [Symbol.dispose](): void {
    for (const station of this.#stations.values()) station[Symbol.dispose]();
    this.#marker[Symbol.dispose]();
    loadLibc().close(this.#epoll);
  }
}

/**
 * Tells that a CPU has done what was queued: a datagram that a namespace sends itself queues behind all other packets of
 * that CPU, on which this thread is to stay.
 */
class Marker implements Disposable {
  readonly #namespace = NetworkNamespace.create();
  readonly #socket: DatagramSocket;

  constructor() {
    runIn(this.#namespace, 'ip', 'link', 'set', 'lo', 'up');
    this.#socket = this.#namespace.run(() => new DatagramSocket(4, { address: parseAddress('127.0.0.1') }));
  }

  pass(): void {
    this.#socket.send(new Uint8Array(1), { address: parseAddress('127.0.0.1'), port: this.#socket.port });
    const deadline = performance.now() + 60_000;
    while (this.#socket.receive() === undefined)
      if (performance.now() > deadline) throw new Error('the marker got lost');
  }

  [Symbol.dispose](): void {
    this.#socket.close();
    this.#namespace.close();
  }
}
