import type { HostState } from '../../../host/network-state.ts';
import { explainBreach } from '../../cause/explain-breach.ts';
import type { VerifyReport } from '../../report.ts';
import { type ProofOptions, proveRules } from '../prove-rules.ts';
import { Examiner, type Speaker } from './examiner.ts';
import { type Fleet, fleetOf } from './fleet.ts';
import { FleetView, type HostGroup } from './fleet-view.ts';
import { fabricIndex, GroupOutlook } from './group-outlook.ts';
import type { HostSketch } from './host-sketch.ts';
import { classifyPairs, type HostSet, type PairClass } from './pair-class.ts';

/**
 * Proves the three rules for all pairs of a fleet, as proveRules does of hosts that are all there, in the time and the
 * memory that hosts take, and not pairs of hosts.
 *
 * One host at a time is looked at: what it and its pods are made of is written down in words that don't tell it from a
 * host made alike, and dropped. Then, for hosts whose tables say the same of everybody but themselves, once, what they say
 * of each other host. Pairs of hosts that are alike in all of this differ in names alone: what holds of one holds of all,
 * so of each sort one pair is asked about, by walking its packets between the two hosts as they are. A pair for which that
 * can't be told by two hosts alone is asked about by itself, with all hosts that have to do with it.
 */
export function proveFleet(fleet: Fleet, options: Pick<ProofOptions, 'explain'> = {}): VerifyReport {
  return proveView(new FleetView(fleet), options);
}

/**
 * As proveFleet, of hosts that are all there. Where most of them are like no other, as those are whose chains are called by
 * their pods, proveRules takes less: it knows pods that are alike on such a host too.
 */
export function proveHosts(hosts: readonly HostState[], options: ProofOptions = {}): VerifyReport {
  const { explain: _, ...rest } = options;
  const view = new FleetView(fleetOf(hosts, rest));
  return view.groups.length > hosts.length / 2 ? proveRules(hosts, options) : proveView(view, options);
}

function proveView(view: FleetView, { explain = explainBreach }: Pick<ProofOptions, 'explain'>): VerifyReport {
  const fabric = fabricIndex(view.fleet.fabric ?? []);
  const outlooks = view.groups.map((group) => outlooksOf(view, group, fabric));
  const { classes, singular } = classifyPairs(view.groups, outlooks);
  const examiner = new Examiner(view, fabric, explain);
  for (const each of classes) examineClass(examiner, each);
  for (const { from, to } of singular) examiner.examineHosts(from, to);
  examineWithin(view, examiner);
  return examiner.tally.report();
}

/** What a group knows of each host: as its first member has it, and of that one as the second has. */
function outlooksOf(
  view: FleetView,
  group: HostGroup,
  fabric: ReturnType<typeof fabricIndex>,
): readonly (number | undefined)[] {
  const [first, second] = group.members.slice(0, 2).map((member) => ({
    member,
    outlook: new GroupOutlook(view, group, member, view.fleet.host(member.place), fabric),
  }));
  return view.sketches.map((sketch) => {
    const observer = sketch === first?.member ? second : first;
    const towards = observer?.outlook.towards(sketch);
    return towards === undefined || towards.isSingular ? undefined : view.glossary.number(towards.text);
  });
}

/** The node of a host, which its own namespace stands for. */
const NODE = 0;

/** Asks about one pair of each sort of speakers on a pair of hosts. */
function examineClass(examiner: Examiner, { pairs }: PairClass): void {
  const senders = new Set(pairs.flatMap(({ from }) => sortsOn(from)));
  const receivers = new Set(pairs.flatMap(({ to }) => sortsOn(to)));
  for (const sender of senders)
    for (const receiver of receivers) {
      if (sender === NODE_SORT && receiver === NODE_SORT) continue;
      let count = 0;
      let found: readonly [Speaker, Speaker] | undefined;
      for (const { from, to, both } of pairs) {
        count += countIn(from, sender) * countIn(to, receiver);
        for (const host of both) count -= countOn(host, sender) * countOn(host, receiver);
        found ??= speakersOf(from, sender, to, receiver);
      }
      if (count > 0 && found !== undefined) examiner.examine(...found, count);
    }
}

/** What a speaker is: the number of a pod's form, or a node. */
type Sort = number;
const NODE_SORT: Sort = -1;

function sortsOn({ pods, nodes }: HostSet): readonly Sort[] {
  return nodes > 0 ? [NODE_SORT, ...pods.keys()] : [...pods.keys()];
}

function countIn({ pods, nodes }: HostSet, sort: Sort): number {
  return sort === NODE_SORT ? nodes : (pods.get(sort)?.count ?? 0);
}

function countOn({ pods, isNode }: HostSketch, sort: Sort): number {
  return sort === NODE_SORT ? Number(isNode) : pods.reduce((sum, { form }) => sum + Number(form === sort), 0);
}

function speakerOn(host: HostSketch, sort: Sort): Speaker | undefined {
  if (sort === NODE_SORT) return host.isNode ? { host, position: NODE } : undefined;
  const pod = host.pods.find(({ form }) => form === sort);
  return pod && { host, position: pod.position };
}

/** Somebody of each sort, on two different hosts. */
function speakersOf(from: HostSet, sender: Sort, to: HostSet, receiver: Sort): readonly [Speaker, Speaker] | undefined {
  if (countIn(from, sender) === 0 || countIn(to, receiver) === 0) return undefined;
  for (const here of from.hosts) {
    const one = speakerOn(here, sender);
    if (one === undefined) continue;
    for (const there of to.hosts) {
      const other = there === here ? undefined : speakerOn(there, receiver);
      if (other !== undefined) return [one, other];
    }
  }
  return undefined;
}

/** Asks about pairs on one host, on one host of each sort. */
function examineWithin(view: FleetView, examiner: Examiner): void {
  const sorts = new Map<number, HostSketch[]>();
  for (const { members, form } of view.groups)
    for (const host of members) {
      if (view.isSingular(host)) {
        examiner.examineHosts(host, host);
        continue;
      }
      const counts = Map.groupBy(host.pods, (pod) => pod.form);
      const on = Array.from(counts, ([sort, pods]) => `${sort}${pods.length > 1 ? ' several' : ''}`).sort();
      const key = view.glossary.number(`on one host\n${form}\n${on.join()}`);
      const known = sorts.get(key);
      if (known === undefined) sorts.set(key, [host]);
      else known.push(host);
    }
  for (const hosts of sorts.values()) examineOn(hosts, examiner);
}

function examineOn(hosts: readonly HostSketch[], examiner: Examiner): void {
  const [host] = hosts;
  if (host === undefined) return;
  const sorts = new Set([...(host.isNode ? [NODE_SORT] : []), ...host.pods.map(({ form }) => form)]);
  for (const sender of sorts)
    for (const receiver of sorts) {
      if (sender === NODE_SORT && receiver === NODE_SORT) continue;
      const isSame = sender === receiver;
      const count = hosts.reduce(
        (sum, one) => sum + countOn(one, sender) * (countOn(one, receiver) - Number(isSame)),
        0,
      );
      const from = speakerOn(host, sender);
      const others = { ...host, pods: host.pods.filter(({ position }) => position !== from?.position) };
      const to = speakerOn(isSame ? others : host, receiver);
      if (count > 0 && from !== undefined && to !== undefined)
        examiner.examine(from, { host, position: to.position }, count);
    }
}
