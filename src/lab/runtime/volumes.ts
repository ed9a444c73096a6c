import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { replaceFile } from '../../kernel/atomic-file.ts';
import type { LabHost } from '../lab-host.ts';
import { resourceField } from './container-environment.ts';
import type { BindMount } from './container-root.ts';
import { type DownwardContext, downwardField } from './downward-field.ts';
import type { Entries, PodObjects } from './pod-objects.ts';
import type { DownwardFile, KeyToPath, ProjectedSource, RuntimeContainer, Volume } from './pod-spec.ts';

/** What a service account of the lab may show to the API. */
export interface ApiAccess {
  readonly token: string;
  /** PEM */
  readonly certificateAuthority?: string;
}

export interface VolumeContext extends DownwardContext {
  readonly host: LabHost;
  readonly objects: PodObjects;
  /** A directory of the host for the volumes of this pod. */
  readonly directory: string;
  readonly apiAccess?: ApiAccess;
}

/** Where an API client looks for its account by itself. */
const ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Directories that a host has to itself; anywhere else a new directory would be this machine's. */
const OWN_DIRECTORIES = ['/run', '/var/run', '/var/lib', '/etc', '/opt'];

/**
 * Makes a pod's volumes. @returns the directory or file of the host that each is, by name
 * @throws FlatnetError `not-found` for a missing object, `unsupported` for a kind of volume that there is none of here
 */
export async function prepareVolumes(context: VolumeContext): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  for (const volume of context.pod.spec.volumes ?? []) places.set(volume.name, await prepareVolume(volume, context));
  return places;
}

/** The mounts of a container, given its pod's volumes. @throws FlatnetError `invalid` for a volume that isn't the pod's */
export function mountsOf(
  container: RuntimeContainer,
  volumes: ReadonlyMap<string, string>,
  host: LabHost,
): readonly BindMount[] {
  return (container.volumeMounts ?? []).map(({ name, mountPath, subPath, readOnly = false }) => {
    const volume = volumes.get(name);
    if (volume === undefined)
      throw new FlatnetError({
        operation: 'mount volume',
        code: 'invalid',
        message: `container ${container.name} mounts volume ${name}, which the pod doesn't have`,
      });
    const source = path.posix.join(volume, subPath ?? '');
    if (!existsSync(host.path(source))) mkdirSync(host.path(source), { recursive: true });
    return { source, target: mountPath, readOnly };
  });
}

async function prepareVolume(volume: Volume, context: VolumeContext): Promise<string> {
  const { host, directory } = context;
  if (volume.hostPath !== undefined) return prepareHostPath(volume.hostPath, host);
  const place = path.posix.join(directory, volume.name);
  if (volume.emptyDir !== undefined) {
    mkdirSync(host.path(place), { recursive: true });
    chmodSync(host.path(place), 0o777);
    return place;
  }
  const files = await volumeFiles(volume, context);
  rmSync(host.path(place), { recursive: true, force: true });
  mkdirSync(host.path(place), { recursive: true });
  for (const [name, content] of files) {
    const file = host.path(path.posix.join(place, path.posix.join('/', name)));
    mkdirSync(path.dirname(file), { recursive: true });
    replaceFile(file, content);
  }
  return place;
}

function prepareHostPath({ path: place, type = '' }: NonNullable<Volume['hostPath']>, host: LabHost): string {
  if (existsSync(host.path(place))) return place;
  const own = OWN_DIRECTORIES.some((directory) => `${place}/`.startsWith(`${directory}/`));
  if (own && (type === '' || type === 'DirectoryOrCreate')) {
    mkdirSync(host.path(place), { recursive: true });
    return place;
  }
  throw new FlatnetError({
    operation: 'mount volume',
    code: 'not-found',
    message: `hostPath ${place} is not on ${host.name}`,
    remedy: `make it, or use a path in ${OWN_DIRECTORIES.join(', ')}, where the host has files of its own`,
  });
}

async function volumeFiles(volume: Volume, context: VolumeContext): Promise<Entries> {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined) return await sourceFiles({ configMap }, context);
  if (secret !== undefined) return await sourceFiles({ secret: { ...secret, name: secret.secretName } }, context);
  if (downwardAPI !== undefined) return await sourceFiles({ downwardAPI }, context);
  if (projected !== undefined) {
    const files = new Map<string, Buffer>();
    for (const source of projected.sources ?? [])
      for (const [name, content] of await sourceFiles(source, context)) files.set(name, content);
    return files;
  }
  const [kind = 'of no kind'] = Object.keys(volume).filter((key) => key !== 'name');
  throw new FlatnetError({
    operation: 'mount volume',
    code: 'unsupported',
    message: `volume ${volume.name} is a ${kind}, which the lab has none of`,
    remedy: 'use emptyDir, hostPath, configMap, secret, downwardAPI or projected',
  });
}

async function sourceFiles(source: ProjectedSource, context: VolumeContext): Promise<Entries> {
  const { objects, apiAccess, pod } = context;
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  // The certificate of the API stands in a ConfigMap that clusters make in every namespace; the lab knows it anyway.
  if (configMap?.name === 'kube-root-ca.crt')
    return entriesOf([['ca.crt', apiAccess?.certificateAuthority]], configMap.items);
  if (configMap !== undefined)
    return chosen(await objects.configMap(pod.metadata.namespace, configMap), configMap.items);
  if (secret !== undefined) return chosen(await objects.secret(pod.metadata.namespace, secret), secret.items);
  if (serviceAccountToken !== undefined) return entriesOf([[serviceAccountToken.path, apiAccess?.token]]);
  return new Map((downwardAPI?.items ?? []).map((file) => [file.path, Buffer.from(downwardFile(file, context))]));
}

function downwardFile({ path: name, fieldRef, resourceFieldRef }: DownwardFile, context: DownwardContext): string {
  if (fieldRef !== undefined) return downwardField(fieldRef.fieldPath, context);
  const owner = context.pod.spec.containers.find((container) => container.name === resourceFieldRef?.containerName);
  if (resourceFieldRef !== undefined && owner !== undefined) return resourceField(resourceFieldRef.resource, owner);
  throw new FlatnetError({
    operation: 'mount volume',
    code: 'invalid',
    message: `downwardAPI file ${name} has neither a fieldRef nor the resourceFieldRef of a container`,
  });
}

function entriesOf(pairs: readonly (readonly [string, string | undefined])[], items?: readonly KeyToPath[]): Entries {
  const known = pairs.filter(([, value]) => value !== undefined);
  return chosen(new Map(known.map(([key, value = '']) => [key, Buffer.from(value)])), items);
}

/** The entries under the paths that `items` give to some of them; all of them where it is absent. */
function chosen(entries: Entries, items: readonly KeyToPath[] | undefined): Entries {
  if (items === undefined) return entries;
  return new Map(
    items.flatMap(({ key, path: name }) => {
      const content = entries.get(key);
      return content === undefined ? [] : [[name, content] as const];
    }),
  );
}

/** The account files that a pod gets where its API server adds no volume for them. */
export function accountFiles(namespace: string, access: ApiAccess): Entries {
  return entriesOf([
    ['token', access.token],
    ['ca.crt', access.certificateAuthority],
    ['namespace', namespace],
  ]);
}

/** Whether the pod's containers are to find the account by themselves, and nobody has seen to it. */
export function wantsAccount(container: RuntimeContainer, automount: boolean): boolean {
  return automount && !(container.volumeMounts ?? []).some(({ mountPath }) => mountPath === ACCOUNT_DIRECTORY);
}
