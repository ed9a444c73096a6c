import type { RulesetSession } from '../kernel/nftables/ruleset-session.ts';
import { TurnBudget } from '../kube/turn-budget.ts';
import type { PackedElements } from '../netfilter/packed-elements.ts';
import type { TableName } from '../netfilter/table-change.ts';
import { type FoundServices, plainSetsOf } from '../render/service/found-services.ts';
import { FoundTable } from '../render/service/found-table.ts';
import { SERVICE_SETS } from '../render/service/service-set.ts';

/** Endpoints up to which the kernel's own way of listing them is the faster one; its cost grows with their square. */
const FEW = 5000;

const PLAIN_SETS: ReadonlySet<string> = new Set(
  Object.values(SERVICE_SETS).filter((name) => name !== SERVICE_SETS.admitted),
);

/**
 * A table of services as the kernel has it, read a part at a time; undefined where there is none. Many endpoints are asked
 * for by the keys that fronts lead to, at a cost of their number: nobody sees others, and whoever comes upon them tries again
 * with all.
 */
export async function readFoundServices(
  session: Pick<RulesetSession, 'readWithout' | 'readElements' | 'findElements'>,
  name: TableName,
): Promise<FoundServices | undefined> {
  const budget = new TurnBudget();
  const frame = await budget.run(session.readWithout(name, PLAIN_SETS));
  if (frame === undefined) return undefined;
  const elements = new Map<string, PackedElements>();
  const { endpoints, ...others } = Object.fromEntries(plainSetsOf(frame));
  for (const set of Object.values(others)) {
    elements.set(set.name, await budget.run(session.readElements(frame, set)));
    await budget.rest();
  }
  if (endpoints !== undefined) {
    const keys = await budget.run(new FoundTable({ frame, elements }).endpointKeys());
    const found = keys.length > FEW ? await session.findElements(frame, endpoints, keys) : undefined;
    elements.set(endpoints.name, found ?? (await budget.run(session.readElements(frame, endpoints))));
  }
  return { frame, elements };
}
