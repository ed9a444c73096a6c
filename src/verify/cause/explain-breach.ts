import type { BreachKind, Evidence } from '../evidence.ts';
import { formatEndReason } from '../model/format-end-reason.ts';
import type { SiteMap } from '../model/site.ts';
import { destinationNat } from './destination-nat.ts';
import { dropRule } from './drop-rule.ts';
import type { Explanation, Recogniser } from './explanation.ts';
import { type Fault, faultOf } from './fault.ts';
import { hairpinOff } from './hairpin-off.ts';
import { hostSetting } from './host-setting.ts';
import { lostDiscovery } from './lost-discovery.ts';
import { masquerade } from './masquerade.ts';
import { neighbourEntry } from './neighbour-entry.ts';
import { otherAddress } from './other-address.ts';
import { hostAddressInRange, overlappingRanges } from './overlapping-ranges.ts';
import { pluginMixture } from './plugin-mixture.ts';
import { routeEntry, routeLoop, staleRoute } from './route-entry.ts';
import { sharedAddress } from './shared-address.ts';
import { splitIptables } from './split-iptables.ts';
import { tooLong } from './too-long.ts';
import { tunnelEntry } from './tunnel-entry.ts';

/** In their order: what lies deeper comes first, for what comes of it looks like something else. */
const RECOGNISERS: readonly Recogniser[] = [
  tooLong,
  hairpinOff,
  otherAddress,
  overlappingRanges,
  hostAddressInRange,
  pluginMixture,
  splitIptables,
  masquerade,
  destinationNat,
  sharedAddress,
  staleRoute,
  dropRule,
  lostDiscovery,
  tunnelEntry,
  routeLoop,
  routeEntry,
  hostSetting,
  neighbourEntry,
];

/** Tells why a rule is broken, from the packet that breaks it and the way that it took. */
export function explainBreach(evidence: Evidence, map: SiteMap): Explanation {
  const fault = faultOf(evidence, map);
  for (const recognise of RECOGNISERS) {
    const explanation = recognise(fault);
    if (explanation !== undefined) return explanation;
  }
  return unrecognised(fault);
}

const KINDS: Readonly<Record<BreachKind, string>> = {
  misdelivered: 'packets reach somebody else than was meant',
  dropped: 'packets are dropped',
  rejected: 'packets are rejected',
  'no-route': 'there is no route',
  'too-long': 'long packets are lost, and short ones arrive',
  'source-translated': 'the receiver sees another sender',
  'destination-translated': 'the receiver is reached under another address',
  'answer-lost': 'answers are lost',
  'answer-translated': 'answers come from another address than was asked',
  'other-address': 'a pod bears another address than the cluster knows it under',
};

function unrecognised({ evidence, way }: Fault): Explanation {
  return { cause: KINDS[evidence.kind], responsible: `${way.at.name}: ${formatEndReason(way.reason)}` };
}
