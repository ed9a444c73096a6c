import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { parseYaml } from '../../error/yaml.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { KubeConnection } from './kube-connection.ts';
import { fixedToken, readCredential, type TokenSource, tokenFile } from './token-source.ts';

const text = v.optional(v.string());

const CLUSTER = v.object({
  server: v.string(),
  'certificate-authority': text,
  'certificate-authority-data': text,
  'tls-server-name': text,
  'insecure-skip-tls-verify': v.optional(v.boolean()),
});

const USER = v.object({
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  token: text,
  tokenFile: text,
  username: text,
  password: text,
  exec: v.optional(v.unknown()),
  'auth-provider': v.optional(v.unknown()),
});

const CONTEXT = v.object({ cluster: v.string(), user: v.optional(v.string(), ''), namespace: text });

/** Lists may be absent or null, as `kubectl config` leaves them. */
function list<T extends v.GenericSchema>(entry: T) {
  return v.optional(v.nullable(v.array(entry), []), []);
}

const KUBECONFIG = v.object({
  'current-context': v.optional(v.string(), ''),
  clusters: list(v.object({ name: v.string(), cluster: CLUSTER })),
  contexts: list(v.object({ name: v.string(), context: CONTEXT })),
  users: list(v.object({ name: v.string(), user: v.nullable(USER, {}) })),
});

type Cluster = v.InferOutput<typeof CLUSTER>;
type User = v.InferOutput<typeof USER>;

function invalid(file: string, message: string, remedy?: string, cause?: unknown): FlatnetError {
  return new FlatnetError({
    operation: 'read kubeconfig',
    code: 'invalid',
    message: `${file}: ${message}`,
    ...(remedy === undefined ? {} : { remedy }),
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * The connection that a kubeconfig file describes for `context`, or for its current context. Relative paths in it are
 * relative to the file. Exec plugins and auth providers are refused: an agent has nobody to run them for.
 * @throws FlatnetError `invalid`, `unsupported`, or `io` where a file cannot be read
 */
export async function readKubeconfig(
  file: string,
  context?: string,
  clock: Clock = systemClock,
): Promise<KubeConnection> {
  let source: string;
  try {
    source = await readFile(file, 'utf8');
  } catch (cause) {
    throw new FlatnetError({
      operation: 'read kubeconfig',
      code: 'io',
      message: `${file} cannot be read`,
      remedy: 'name an existing kubeconfig file',
      cause,
    });
  }
  return connectionOf(file, source, context, clock);
}

async function connectionOf(
  file: string,
  source: string,
  wanted: string | undefined,
  clock: Clock,
): Promise<KubeConnection> {
  const config = parseKubeconfig(file, source);
  const contextName = wanted ?? config['current-context'];
  const context = config.contexts.find(({ name }) => name === contextName)?.context;
  if (context === undefined) {
    const names = config.contexts.map(({ name }) => name).join(', ');
    throw invalid(file, `there is no context ${JSON.stringify(contextName)}`, `it has: ${names || 'none'}`);
  }
  const cluster = config.clusters.find(({ name }) => name === context.cluster)?.cluster;
  if (cluster === undefined)
    throw invalid(file, `context ${contextName} names cluster ${JSON.stringify(context.cluster)}, which is not there`);
  const user = context.user === '' ? {} : config.users.find(({ name }) => name === context.user)?.user;
  if (user === undefined)
    throw invalid(file, `context ${contextName} names user ${JSON.stringify(context.user)}, which is not there`);
  refusePlugins(file, context.user, user);
  return {
    ...(await clusterPart(file, cluster)),
    ...(await userPart(file, user, clock)),
    ...(context.namespace ? { namespace: context.namespace } : {}),
  };
}

function parseKubeconfig(file: string, source: string): v.InferOutput<typeof KUBECONFIG> {
  const parsed = v.safeParse(KUBECONFIG, parseYaml(`read kubeconfig ${file}`, source));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw invalid(file, `${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`);
}

function refusePlugins(file: string, name: string, user: User): void {
  const plugin = user.exec !== undefined ? 'exec' : user['auth-provider'] !== undefined ? 'auth-provider' : undefined;
  if (plugin === undefined) return;
  throw new FlatnetError({
    operation: 'read kubeconfig',
    code: 'unsupported',
    message: `${file}: user ${name} authenticates by ${plugin}, which Flatnet does not run`,
    remedy: 'give the user a token, a tokenFile or a client certificate',
  });
}

async function clusterPart(file: string, cluster: Cluster): Promise<KubeConnection> {
  const server = URL.parse(cluster.server);
  if (server === null || (server.protocol !== 'http:' && server.protocol !== 'https:'))
    throw invalid(file, `server ${JSON.stringify(cluster.server)} is not an http or https URL`);
  const authority = await readData(file, cluster, 'certificate-authority');
  return {
    server,
    ...(authority === undefined ? {} : { certificateAuthority: authority }),
    ...(cluster['tls-server-name'] ? { serverName: cluster['tls-server-name'] } : {}),
    ...(cluster['insecure-skip-tls-verify'] ? { skipVerification: true } : {}),
  };
}

async function userPart(file: string, user: User, clock: Clock): Promise<Partial<KubeConnection>> {
  const certificate = await readData(file, user, 'client-certificate');
  const key = await readData(file, user, 'client-key');
  if ((certificate === undefined) !== (key === undefined))
    throw invalid(file, 'client-certificate and client-key must be given together');
  const token = tokenOf(file, user, clock);
  return {
    ...(certificate === undefined || key === undefined ? {} : { clientCertificate: certificate, clientKey: key }),
    ...(token === undefined ? {} : { token }),
    ...(user.username ? { basic: { username: user.username, password: user.password ?? '' } } : {}),
  };
}

/** As in client-go, a tokenFile takes precedence over a token. */
function tokenOf(file: string, user: User, clock: Clock): TokenSource | undefined {
  if (user.tokenFile) return tokenFile(path.resolve(path.dirname(file), user.tokenFile), clock);
  return user.token ? fixedToken(user.token) : undefined;
}

/** `FIELD-data` in base64, or the contents of the file that `FIELD` names; the first takes precedence. */
async function readData<F extends string>(
  file: string,
  fields: { readonly [name in F | `${F}-data`]?: string | undefined },
  field: F,
): Promise<Buffer | undefined> {
  const inline = fields[`${field}-data`];
  if (inline) return Buffer.from(inline, 'base64');
  const named = fields[field];
  return named ? readCredential(path.resolve(path.dirname(file), named), field) : undefined;
}
