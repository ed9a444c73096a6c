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
import { formatReport } from '../verify/format-report.ts';
import { exitCodeOf } from '../verify/report.ts';
import { type Command, OUTPUT_OPTION, parseArguments, usageError, wantsJson } from './command.ts';
import { readManifestFiles } from './manifest-files.ts';
import { type DeclaredPlan, type DeclaredPlanInput, planFromManifests } from './plan-from-manifests.ts';
import { planHosts } from './plan-hosts.ts';
import { formatPlanJson } from './plan-json.ts';
import { plannedManifests } from './planned-manifests.ts';
import { verifyPlanned } from './verify-planned.ts';

const FORMS = ['nft', 'iptables', 'json'] as const;

type Form = (typeof FORMS)[number];

/** Prints what a node would get from a set of manifests, with no kernel and no cluster. */
export const plan: Command = {
  usage: `Usage: flatnet plan --node NAME --as nft|iptables|json -f FILE… [--config FILE] [--family 4|6]
       flatnet plan --verify -f FILE… [--config FILE] [-o text|json]
Prints what a node would get from manifests: its own rules and services as nf_tables tables, services as kube-proxy's
iptables rules in iptables-save form, or the plan itself. With --verify it plans all nodes and their pods, and proves the
three rules for them, with no cluster: exits 0 where they hold, 1 where one is violated, 2 where it can't tell.

      --node NAME        the node, by the name of its Node object
      --as FORM          nft, iptables or json
  -f, --file FILE        manifests: Nodes, Pods, Services, EndpointSlices, and HostFacts for what no object says;
                         a file, a directory, or - for standard input; may be repeated
      --config FILE      the agent's configuration (default: one with nothing in it)
      --family 4|6       one family's rules only: what iptables-restore, or ip6tables-restore, takes
      --verify           prove the rules; with --node and --as the plan is printed, and the report goes to standard error
  -o, --output FORM      the report as text or json`,
  async run(args) {
    const { values } = parseArguments(args, {
      node: { type: 'string' },
      as: { type: 'string' },
      file: { type: 'string', short: 'f', multiple: true },
      config: { type: 'string' },
      family: { type: 'string' },
      verify: { type: 'boolean', default: false },
      ...OUTPUT_OPTION,
    });
    const { node, file: files = [], config } = values;
    const json = wantsJson(values.output);
    const isPrinted = !values.verify || node !== undefined || values.as !== undefined;
    if (isPrinted && (node === undefined || node === ''))
      throw usageError('--node is missing', 'name the node that the plan is for');
    const form = isPrinted ? parseForm(values.as) : undefined;
    if (files.length === 0) throw usageError('-f is missing', 'name a file or directory of manifests');
    const families = parseFamilies(values.family);
    const configuration = config === undefined ? undefined : parseAgentConfiguration(await readFile(config, 'utf8'));
    const manifests = plannedManifests(readManifestFiles(files));
    const given = configuration === undefined ? {} : { configuration };
    const printed =
      form === undefined || node === undefined
        ? undefined
        : printablePlan({ manifests, node, ...given, servicesOnly: form === 'iptables' }, form, families);
    if (printed !== undefined) process.stdout.write(printed);
    if (!values.verify) return 0;
    const planned = planHosts(manifests, configuration);
    for (const warning of planned.warnings) process.stderr.write(`flatnet: warning: ${warning}\n`);
    const report = verifyPlanned(planned);
    const text = json ? `${JSON.stringify(report)}\n` : formatReport(report);
    (printed === undefined ? process.stdout : process.stderr).write(text);
    return exitCodeOf(report);
  },
};

/** A node's plan as text; kube-proxy's rules are of services alone. */
function printablePlan(input: DeclaredPlanInput, form: Form, families: typeof FAMILIES): string {
  const declared = planFromManifests(input);
  for (const warning of declared.warnings) process.stderr.write(`flatnet: warning: ${warning}\n`);
  return formatPlan(declared, form, families);
}

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
