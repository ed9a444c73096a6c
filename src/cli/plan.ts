import { readFile } from 'node:fs/promises';
import { FAMILIES, type Family } from '../address/family.ts';
import { parseAgentConfiguration } from '../agent/agent-configuration.ts';
import { formatRuleset } from '../netfilter/format-ruleset.ts';
import { formatIptablesSave } from '../netfilter/iptables/format-iptables-save.ts';
import type { TableFamily } from '../netfilter/node.ts';
import type { ServicePlan } from '../plan/service/service-plan.ts';
import { renderServiceRuleset } from '../render/iptables/service-ruleset.ts';
import { renderNode } from '../render/node.ts';
import { renderServices } from '../render/service/service-tables.ts';
import { type Command, parseArguments, usageError } from './command.ts';
import { readManifestFiles } from './manifest-files.ts';
import { type DeclaredPlan, planFromManifests } from './plan-from-manifests.ts';
import { formatPlanJson } from './plan-json.ts';
import { plannedManifests } from './planned-manifests.ts';

const FORMS = ['nft', 'iptables', 'json'] as const;

type Form = (typeof FORMS)[number];

/** Prints what a node would get from a set of manifests, with no kernel and no cluster. */
export const plan: Command = {
  usage: `Usage: flatnet plan --node NAME --as nft|iptables|json -f FILE… [--config FILE] [--family 4|6]
Prints what a node would get from manifests: its own rules and services as nf_tables tables, services as kube-proxy's
iptables rules in iptables-save form, or the plan itself.

      --node NAME        the node, by the name of its Node object
      --as FORM          nft, iptables or json
  -f, --file FILE        manifests: Nodes, Pods, Services, EndpointSlices, and HostFacts for what no object says;
                         a file, a directory, or - for standard input; may be repeated
      --config FILE      the agent's configuration (default: one with nothing in it)
      --family 4|6       one family's rules only: what iptables-restore, or ip6tables-restore, takes`,
  async run(args) {
    const { values } = parseArguments(args, {
      node: { type: 'string' },
      as: { type: 'string' },
      file: { type: 'string', short: 'f', multiple: true },
      config: { type: 'string' },
      family: { type: 'string' },
    });
    const { node, file: files = [], config } = values;
    if (node === undefined || node === '') throw usageError('--node is missing', 'name the node that the plan is for');
    const form = parseForm(values.as);
    if (files.length === 0) throw usageError('-f is missing', 'name a file or directory of manifests');
    const families = parseFamilies(values.family);
    const configuration = config === undefined ? undefined : parseAgentConfiguration(await readFile(config, 'utf8'));
    const manifests = plannedManifests(readManifestFiles(files));
    const declared = planFromManifests({
      manifests,
      node,
      ...(configuration !== undefined && { configuration }),
      // kube-proxy's rules are of services alone
      servicesOnly: form === 'iptables',
    });
    for (const warning of declared.warnings) process.stderr.write(`flatnet: warning: ${warning}\n`);
    process.stdout.write(formatPlan(declared, form, families));
    return 0;
  },
};

function parseForm(text: string | undefined): Form {
  const form = FORMS.find((one) => one === text);
  if (form !== undefined) return form;
  const message = text === undefined ? '--as is missing' : `--as ${text} is no form of output`;
  throw usageError(message, `use --as ${FORMS.join(', --as ')}`);
}

function parseFamilies(text: string | undefined): typeof FAMILIES {
  if (text === undefined) return FAMILIES;
  const family = FAMILIES.find((one) => String(one) === text);
  if (family === undefined) throw usageError(`--family ${text} is no IP family`, 'use --family 4 or --family 6');
  return [family];
}

function formatPlan({ node, services, clusterPrefixes }: DeclaredPlan, form: Form, families: typeof FAMILIES): string {
  switch (form) {
    case 'nft': {
      const tables = [...(node === undefined ? [] : renderNode(node).host.tables), ...renderServices(services)];
      return formatRuleset({ tables: tables.filter(({ family }) => concerns(family, families)) });
    }
    case 'iptables': {
      const used = families.filter((family) => families.length === 1 || hasFronts(services, family));
      return used
        .map((family) => {
          const program = family === 4 ? 'iptables-restore' : 'ip6tables-restore';
          return `# ${program}\n${formatIptablesSave(renderServiceRuleset(services, family, clusterPrefixes))}`;
        })
        .join('');
    }
    case 'json':
      return formatPlanJson({ node, services });
    default:
      return form satisfies never;
  }
}

function concerns(table: TableFamily, families: typeof FAMILIES): boolean {
  if (table === 'ip') return families.includes(4);
  return table !== 'ip6' || families.includes(6);
}

function hasFronts({ services }: ServicePlan, family: Family): boolean {
  return services.values().some(({ fronts }) => fronts.some((front) => front.family === family));
}
