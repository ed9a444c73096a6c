import { formatPrefix, type Prefix, parsePrefix, prefixContains, samePrefix } from '../../address/prefix.ts';
import type { Explanation } from './explanation.ts';
import { type Fault, rootOf } from './fault.ts';
import { formatRange, type HostRange, overlapping, rangeHolding } from './host-range.ts';

/** What Docker gives to docker0 on every machine, unless it is told otherwise. */
const DOCKER_DEFAULT = parsePrefix('172.17.0.0/16');

/** A host that takes the address of somebody on another host for one of its own range. */
export function overlappingRanges(fault: Fault): Explanation | undefined {
  const range = claimedRange(fault);
  if (range === undefined || fault.receiver.isRoot) return undefined;
  const all = overlapping(fault.map, range);
  if (!all.some(({ site }) => site.host === fault.receiver.host)) return undefined;
  return { ...explainOverlap(all), responsible: all.map(formatRange).join(', ') };
}

/** The words for hosts whose ranges overlap. */
export function explainOverlap(ranges: readonly HostRange[]): Explanation {
  const [first] = ranges;
  const prefix = first === undefined ? '' : formatPrefix(first.prefix);
  if (ranges.every((range) => isDockerDefault(range)))
    return {
      cause: `docker0 has Docker's default range, ${prefix}, on several hosts`,
      remedy: DOCKER_REMEDY,
    };
  const same = ranges.every((range) => first !== undefined && samePrefix(range.prefix, first.prefix));
  return {
    cause: same ? `several hosts have the same range, ${prefix}` : `ranges of hosts overlap around ${prefix}`,
    remedy: "give each host a range of its own, out of one that is the cluster's, and make its pods anew",
  };
}

const DOCKER_REMEDY =
  'give each docker0 a range of its own: "bip" in /etc/docker/daemon.json, 10.200.1.1/24 on the first host, 10.200.2.1/24 on the second, …';

export function isDockerDefault({ device, prefix }: { readonly device?: string; readonly prefix: Prefix }): boolean {
  return device === 'docker0' && samePrefix(prefix, DOCKER_DEFAULT);
}

/** A range of containers that holds the address of another host: neither reaches the other. */
export function hostAddressInRange(fault: Fault): Explanation | undefined {
  const range = fault.receiver.isRoot ? claimedRange(fault) : rangeOfBearer(fault);
  if (range === undefined) return undefined;
  const what = isDockerDefault(range) ? "docker0's default range" : 'a range of containers';
  return {
    cause: `${what}, ${formatPrefix(range.prefix)}, holds the address of a host`,
    responsible: overlapping(fault.map, range)
      .filter(({ prefix }) => prefixContains(prefix, fault.sent.destination))
      .map(formatRange)
      .join(', '),
    remedy: isDockerDefault(range)
      ? 'give docker0 a range that no host is in: "bip" in /etc/docker/daemon.json'
      : `give the containers a range that no host is in, or the host an address outside ${formatPrefix(range.prefix)}`,
  };
}

/** The receiver's host's range, where it holds an address that the sending host bears itself. */
function rangeOfBearer({ map, sender, receiver, sent, way }: Fault): HostRange | undefined {
  if (!sender.isRoot || way.at !== sender || way.verdict !== 'delivered') return undefined;
  return rangeHolding(map, rootOf(map, receiver), sent.destination);
}

/** The sender's host's range that kept a packet to another host from leaving. */
function claimedRange({ map, sender, receiver, sent, way }: Fault): HostRange | undefined {
  const stayed = way.visits.every(({ site }) => site.host === sender.host);
  if (sender.host === receiver.host || !stayed) return undefined;
  return rangeHolding(map, rootOf(map, sender), sent.destination);
}
