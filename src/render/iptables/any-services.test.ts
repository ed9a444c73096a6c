import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { FAMILIES } from '../../address/family.ts';
import { parsePrefix } from '../../address/prefix.ts';
import { formatIptablesSave, formatRule } from '../../netfilter/iptables/format-iptables-save.ts';
import type { IptablesChain, IptablesRuleset } from '../../netfilter/iptables/node.ts';
import { parseIptablesSave } from '../../netfilter/iptables/parse-iptables-save.ts';
import { arbitraryEndpoints, arbitraryService, SURROUNDINGS } from '../../plan/service/arbitrary.ts';
import { planService } from '../../plan/service/plan-service.ts';
import type { PlannedService, ServicePlan } from '../../plan/service/service-plan.ts';
import { planRestore } from './restore-plan.ts';
import { renderServiceRuleset } from './service-ruleset.ts';

const LOCATION = { node: 'node-0', zone: 'east' };
const CLUSTER_PREFIXES = ['10.244.0.0/16', 'fd00:10:244::/48'].map(parsePrefix);
/** XT_EXTENSION_MAXNAMELEN (linux/netfilter/x_tables.h) less the zero byte. */
const LONGEST_NAME = 28;

/** Endpoints that have every port of their service, or chance would leave most services empty. */
const planned = fc
  .record({ service: arbitraryService, endpoints: arbitraryEndpoints })
  .map(({ service, endpoints }): [string, PlannedService] => {
    const ports = new Map(service.ports.map(({ name, protocol }) => [name, { port: 8080, protocol }]));
    const serving = endpoints.map((endpoint) => ({ ...endpoint, ports }));
    return [`default/${service.name}`, planService(service, serving, LOCATION)];
  });

const arbitraryPlan: fc.Arbitrary<ServicePlan> = fc
  .array(planned, { maxLength: 4 })
  .map((services) => ({ surroundings: SURROUNDINGS, services: new Map(services) }));

const rulesets = (plan: ServicePlan): readonly IptablesRuleset[] =>
  FAMILIES.map((family) => renderServiceRuleset(plan, family, CLUSTER_PREFIXES));

const chainsOf = ({ tables }: IptablesRuleset, table: string): readonly IptablesChain[] =>
  tables.find(({ name }) => name === table)?.chains ?? [];

/** How likely each chain of an endpoint is to be chosen by a chain that asks for nothing but lots. */
function likelihoods({ rules }: IptablesChain): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  let left = 1;
  for (const { target, matches } of rules) {
    if (!target?.name.startsWith('KUBE-SEP-') || matches.some(({ module }) => module === 'recent')) continue;
    const lot = matches.find(({ module }) => module === 'statistic');
    const taken = lot === undefined ? left : left * Number(lot.options[1]?.values[0]);
    found.set(target.name, (found.get(target.name) ?? 0) + taken);
    left -= taken;
  }
  assert.ok(left < 1e-9, 'the last one takes what is left');
  return found;
}

/** What iptables-restore --noflush makes of rules, as far as planRestore asks for it. */
function restored(present: IptablesRuleset, text: string | undefined): Map<string, string[]> {
  const rules = new Map<string, string[]>(
    present.tables.flatMap(({ name, chains }) =>
      chains.map((chain) => [`${name} ${chain.name}`, chain.rules.map((rule) => formatRule('', rule))] as const),
    ),
  );
  let table = '';
  for (const line of text?.split('\n') ?? []) {
    const [verb = '', chain = '', ...words] = line.split(' ');
    const key = `${table} ${chain}`;
    if (line.startsWith('*')) table = line.slice(1);
    else if (line.startsWith(':')) rules.set(`${table} ${verb.slice(1)}`, []);
    else if (verb === '-X') assert.ok(rules.get(key)?.length === 0 && rules.delete(key), line);
    else if (verb !== 'COMMIT' && verb !== '') {
      const found = rules.get(key) ?? assert.fail(`there is no chain for ${line}`);
      const rule = (text: readonly string[]) => `-A  ${text.join(' ')}`;
      if (verb === '-A') found.push(rule(words));
      else if (verb === '-I') found.splice(Number(words[0]) - 1, 0, rule(words.slice(1)));
      else found.splice(found.indexOf(rule(words)), found.includes(rule(words)) ? 1 : assert.fail(line));
    }
  }
  return rules;
}

describe('any services as iptables rules', () => {
  it('name only chains that are there, once each, as iptables-restore asks', () => {
    fc.assert(
      fc.property(arbitraryPlan, (plan) => {
        for (const { tables } of rulesets(plan))
          for (const { name: table, chains } of tables) {
            const names = chains.map(({ name }) => name);
            assert.equal(new Set(names).size, names.length, `${table}: ${names.join(' ')}`);
            for (const name of names) assert.ok(name.length <= LONGEST_NAME, name);
            for (const { rules } of chains)
              for (const { target } of rules)
                if (target?.name.startsWith('KUBE-')) assert.ok(names.includes(target.name), target.name);
          }
      }),
    );
  });

  it('read back as they were written', () => {
    fc.assert(
      fc.property(arbitraryPlan, (plan) => {
        for (const ruleset of rulesets(plan)) {
          const text = formatIptablesSave(ruleset);
          assert.equal(formatIptablesSave(parseIptablesSave(text)), text);
        }
      }),
    );
  });

  it('give every endpoint its even share', () => {
    const sizes = new Set<number>();
    fc.assert(
      fc.property(arbitraryPlan, (plan) => {
        for (const ruleset of rulesets(plan))
          for (const chain of chainsOf(ruleset, 'nat').filter(({ name }) => /^KUBE-SV[CL]-/.test(name))) {
            const shares = likelihoods(chain);
            sizes.add(shares.size);
            for (const share of shares.values()) assert.ok(Math.abs(share - 1 / shares.size) < 1e-8, chain.name);
          }
      }),
    );
    assert.ok(sizes.has(1) && sizes.has(2), 'chance made services to look at');
  });

  it('come from any others by what iptables-restore is told, beside rules of somebody else', () => {
    const theirs =
      '*nat\n:PREROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n-A PREROUTING -j DOCKER\n-A DOCKER -j RETURN\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\nCOMMIT\n';
    const hooks = rulesets({ surroundings: SURROUNDINGS, services: new Map() })[0] ?? assert.fail();
    const empty = parseIptablesSave(
      hooks.tables
        .map(({ name, chains }) => {
          const builtIn = chains
            .filter(({ policy }) => policy !== undefined)
            .map((chain) => `:${chain.name} ACCEPT [0:0]`);
          return `*${name}\n${builtIn.join('\n')}\nCOMMIT\n`;
        })
        .join(''),
    );
    const beside = (ruleset: IptablesRuleset) => {
      const foreign = parseIptablesSave(theirs);
      return {
        tables: ruleset.tables.map((table) => {
          const added = chainsOf(foreign, table.name);
          const chains = table.chains.map((chain) => {
            const own = added.find(({ name }) => name === chain.name);
            return own === undefined ? chain : { ...chain, rules: [...chain.rules, ...own.rules] };
          });
          return { ...table, chains: [...chains, ...added.filter(({ policy }) => policy === undefined)] };
        }),
      };
    };
    fc.assert(
      fc.property(arbitraryPlan, arbitraryPlan, (first, second) => {
        for (const [index, desired] of rulesets(second).entries()) {
          const former = rulesets(first)[index] ?? assert.fail();
          for (const present of [empty, former].map(beside)) {
            const text = planRestore(present, desired);
            assert.deepEqual(
              new Map([...restored(present, text)].sort()),
              new Map([...restored(beside(desired), undefined)].sort()),
            );
          }
          assert.equal(planRestore(beside(desired), desired), undefined);
          const removal = restored(beside(desired), planRestore(beside(desired), { tables: [] }));
          for (const [chain, rules] of removal)
            if (!chain.endsWith('KUBE-FIREWALL'))
              assert.ok(!/KUBE-(?!FIREWALL)/.test(chain + rules.join('')), `${chain}: ${rules.join(', ')}`);
        }
      }),
    );
  });
});
