import { existsSync, readFileSync } from 'node:fs';
import { FlatnetError } from '../error/flatnet-error.ts';
import type { KubeObject } from '../kube/object.ts';
import { defaultManifests } from '../lab/default-manifests.ts';
import type { LabConfiguration } from '../lab/lab-configuration.ts';
import { type LabDirectory, labDirectory } from '../lab/lab-directory.ts';
import { type LabFile, parseLabFile } from '../lab/lab-file.ts';
import { planLab } from '../lab/lab-plan.ts';
import type { ModelName } from '../lab/model/container-plan.ts';
import { parsePublication } from '../lab/publication.ts';
import { parseArguments, parseCount, usageError, wantsJson } from './command.ts';

/** Addresses of a subnet of the default lab. */
const MOST_HOSTS = 240;

/** Options that say what a lab is made of; `lab up` and `start` share them. */
const LAB_OPTIONS = {
  file: { type: 'string', short: 'f' },
  name: { type: 'string' },
  model: { type: 'string' },
  hosts: { type: 'string' },
  backend: { type: 'string' },
  publish: { type: 'string', multiple: true },
  'api-port': { type: 'string' },
  output: { type: 'string', short: 'o', default: 'text' },
} as const;

export const LAB_OPTIONS_USAGE = `  -f, --file FILE        a lab file: Kubernetes manifests, and what the lab is made of (kind: Lab)
      --name NAME        which lab, where several run (default: metadata.name of kind: Lab, else "default")
      --hosts N          number of hosts (default 3)
      --backend NAME     auto, host-gw, vxlan or cloud (default auto)
      --publish PORT:svc/NAMESPACE/NAME:PORT
                         lead a port of 127.0.0.1 to a service, or with pod/ to a pod; may be repeated
      --api-port PORT    port of 127.0.0.1 for the Kubernetes API (default: any that is free)
  -o, --output FORM      text or json`;

export interface LabRequest {
  readonly directory: LabDirectory;
  readonly configuration: LabConfiguration;
  readonly manifests: readonly KubeObject[];
  /** A model was asked for, whose story is told. */
  readonly tellsStory: boolean;
  readonly json: boolean;
  readonly flags: ReadonlySet<string>;
}

/**
 * Reads the options of a lab and its file, and plans it: whatever is wrong is said before anything is made.
 * @param flags further options without a value
 * @throws FlatnetError
 */
export function parseLabRequest(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  flags: readonly string[],
): LabRequest {
  const flagOptions = Object.fromEntries(flags.map((flag) => [flag, { type: 'boolean' } as const]));
  const { values } = parseArguments(args, { ...flagOptions, ...LAB_OPTIONS });
  const file = values.file === undefined ? undefined : readLabFile(values.file);
  const spec = file?.lab?.spec;
  const model = values.model === undefined ? undefined : parseModel(values.model);
  const configuration = planLab(spec, {
    ...(model !== undefined && { model }),
    ...(values.hosts !== undefined && { hosts: parseCount('hosts', values.hosts, 1, MOST_HOSTS) }),
    ...(values.backend !== undefined && { backend: parseBackend(values.backend) }),
    ...(model === 'kubernetes' && values.backend === 'cloud' && bridgesShowPackets() && { wiring: 'bridge' }),
    ...(values.publish !== undefined && { publish: values.publish.map(parsePublication) }),
    ...(values['api-port'] !== undefined && { apiPort: parseCount('api-port', values['api-port'], 0, 65535) }),
  });
  const manifests = file?.manifests ?? [];
  const { containers } = configuration;
  if (containers !== undefined && manifests.length > 0)
    throw usageError(`the ${containers.model} model runs no manifests`, 'leave them out of the file');
  const wantsDefaults = containers === undefined && (spec?.defaultPods ?? manifests.length === 0);
  return {
    directory: labDirectory(values.name ?? file?.lab?.metadata?.name ?? 'default', environment),
    configuration,
    manifests: wantsDefaults ? [...manifests, ...defaultManifests(configuration.hosts.length)] : manifests,
    tellsStory: (model ?? spec?.model) !== undefined,
    json: wantsJson(values.output),
    flags: new Set(flags.filter((flag) => (values as Record<string, unknown>)[flag] === true)),
  };
}

/** Whether br_netfilter is loaded, which bridges of pods need: as on GCE, where cbr0 is one. */
function bridgesShowPackets(): boolean {
  return existsSync('/proc/sys/net/bridge/bridge-nf-call-iptables');
}

function readLabFile(file: string): LabFile {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new FlatnetError({
      operation: 'read lab file',
      code: 'not-found',
      message: `${file} cannot be read`,
      remedy: 'name a file, or - for standard input',
      cause,
    });
  }
  return parseLabFile(text, file);
}

function parseModel(text: string): ModelName {
  switch (text) {
    case 'docker':
    case 'kubernetes':
    case 'marathon':
      return text;
    default:
      throw usageError(`--model ${text} is no model`, 'use docker, kubernetes or marathon');
  }
}

function parseBackend(text: string): LabConfiguration['cluster']['backend'] {
  switch (text) {
    case 'auto':
    case 'host-gw':
    case 'vxlan':
    case 'cloud':
      return text;
    default:
      throw usageError(`--backend ${text} is no backend`, 'use auto, host-gw, vxlan or cloud');
  }
}
