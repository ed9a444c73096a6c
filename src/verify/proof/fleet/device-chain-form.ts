import type { Chain, Ruleset, Table } from '../../../netfilter/node.ts';
import type { FormWriter } from './form-writer.ts';
import type { OwnPod } from './own-names.ts';

interface DeviceChain {
  readonly table: Table;
  readonly chain: Chain;
}

/** The chains that look at the packets of devices, by the devices' names. */
export function deviceChainsOf({ tables }: Ruleset): ReadonlyMap<string, readonly DeviceChain[]> {
  const known = found.get(tables);
  if (known !== undefined) return known;
  const chains = new Map<string, DeviceChain[]>();
  for (const table of tables)
    for (const chain of table.chains)
      for (const device of chain.base?.devices ?? []) {
        const its = chains.get(device);
        if (its === undefined) chains.set(device, [{ table, chain }]);
        else its.push({ table, chain });
      }
  found.set(tables, chains);
  return chains;
}

const found = new WeakMap<readonly Table[], ReadonlyMap<string, readonly DeviceChain[]>>();

/** The table but for the chains that are part of pods' forms. */
export function withoutPodChains(table: Table, podLinks: ReadonlyMap<string, OwnPod>): Table {
  const chains = table.chains.filter(({ base }) => {
    const [device, ...others] = base?.devices ?? [];
    return device === undefined || others.length > 0 || !podLinks.has(device);
  });
  return chains.length === table.chains.length ? table : { ...table, chains };
}

/** What a chain that looks at a pod's packets does to them; of one that looks at others' too, which it is. */
export function describeDeviceChain(table: Table, chain: Chain, writer: FormWriter, pod: OwnPod): string {
  const { base, name, rules } = chain;
  const [device = '', ...others] = base?.devices ?? [];
  const place = `${table.family} ${table.name}${table.flags.join()}`;
  if (base === undefined || others.length > 0) return `${place} ${name}`;
  const { type, hook, priority, policy } = base;
  const called = name === device ? '' : name;
  let text = `${place} ${called} ${type} ${hook} ${priority} ${policy} `;
  for (const rule of rules) text += writer.ruleOf(pod, rule);
  return text;
}
