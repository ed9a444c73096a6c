import type { Attachment } from '../cni/attachment.ts';
import type { QueueDiscipline } from '../host/network-state.ts';
import { BURST_STEP } from '../host/row-text.ts';

/** What limits a pod interface's bandwidth, by where it stands. */
export interface RenderedBandwidth {
  readonly host: readonly QueueDiscipline[];
  readonly pod: readonly QueueDiscipline[];
}

/** 1:0, as the reference plugin numbers its own. */
const HANDLE = 0x1_0000;
/** Microseconds that a packet waits at most before it is dropped; the reference plugin's. */
const LATENCY = 25_000;
/** Runtimes that were told of no burst ask for the largest: taken at its word, the first 256 MB would pass unlimited. */
const NO_WISH = 2 ** 31 - 1;
/** Where nobody has a wish: what the rate gives in this part of a second, and no less than a large segment. */
const DEFAULT_BURST_SECONDS = 0.05;
const SMALLEST_DEFAULT_BURST = 65_536;
/** The kernel tells a burst in 32 bits of 64 ns; what lasts longer it can't tell. */
const LONGEST_BURST_SECONDS = 270;
const LARGEST_BURST = 2 ** 31;

/**
 * A token bucket on each end of the pod's pair. To the pod it stands on the host's end; from the pod on the pod's own,
 * where a full queue holds its sockets back in place of dropping what they have sent, and no further device is needed as
 * for shaping on arrival. A pod that may administer its own network can lift it, until the node is next reconciled.
 */
export function renderBandwidth({ hostLink, interfaceName, bandwidth }: Attachment): RenderedBandwidth {
  const { ingressRate, ingressBurst, egressRate, egressBurst } = bandwidth ?? {};
  return {
    host: tokenBucket(hostLink, ingressRate, ingressBurst),
    pod: tokenBucket(interfaceName, egressRate, egressBurst),
  };
}

/** @param bitRate bits a second, @param bitBurst bits */
function tokenBucket(
  device: string,
  bitRate: number | undefined,
  bitBurst: number | undefined,
): readonly QueueDiscipline[] {
  if (bitRate === undefined) return [];
  const rate = Math.max(1, Math.round(bitRate / 8));
  return [{ kind: 'tbf', device, handle: HANDLE, rate, burst: burstOf(rate, bitBurst), latency: LATENCY }];
}

/** Whole steps, since of less the kernel gives another account than it was given. */
function burstOf(rate: number, bitBurst: number | undefined): number {
  const asked =
    bitBurst === undefined || bitBurst >= NO_WISH
      ? Math.max(rate * DEFAULT_BURST_SECONDS, SMALLEST_DEFAULT_BURST)
      : bitBurst / 8;
  const largest = Math.min(rate * LONGEST_BURST_SECONDS, LARGEST_BURST);
  return Math.max(1, Math.round(Math.min(asked, largest) / BURST_STEP)) * BURST_STEP;
}
