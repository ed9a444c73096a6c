import type { Service } from '../../kube/objects/service.ts';

/**
 * Replaces `$(NAME)` by the variable of that name; `$$` is a dollar sign, and what names no variable stays as it is
 * (Kubernetes' container `command`, `args` and `env`).
 */
export function expandVariables(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$(\$|\(([^()]*)\))/g, (whole, inner: string, name: string | undefined) => {
    if (inner === '$') return '$';
    return variables.get(name ?? '') ?? whole;
  });
}

/**
 * The variables that tell containers of the services of their namespace, in Docker's link format:
 * `WEB_SERVICE_HOST`, `WEB_SERVICE_PORT`, `WEB_SERVICE_PORT_HTTP`, `WEB_PORT`, `WEB_PORT_80_TCP`, …
 * @param services those of the pod's namespace, and `default/kubernetes`
 */
export function serviceVariables(services: readonly Service[]): Map<string, string> {
  const variables = new Map<string, string>();
  for (const { metadata, spec } of services) {
    const host = spec?.clusterIP;
    const [first] = spec?.ports ?? [];
    if (host === undefined || host === '' || host === 'None' || first === undefined) continue;
    const name = variableName(metadata.name);
    variables.set(`${name}_SERVICE_HOST`, host);
    variables.set(`${name}_SERVICE_PORT`, String(first.port));
    for (const port of spec?.ports ?? []) {
      const protocol = port.protocol ?? 'TCP';
      const url = `${protocol.toLowerCase()}://${host.includes(':') ? `[${host}]` : host}:${port.port}`;
      const prefix = `${name}_PORT_${port.port}_${protocol}`;
      if (port.name !== undefined && port.name !== '')
        variables.set(`${name}_SERVICE_PORT_${variableName(port.name)}`, String(port.port));
      if (port === first) variables.set(`${name}_PORT`, url);
      variables.set(prefix, url);
      variables.set(`${prefix}_PROTO`, protocol.toLowerCase());
      variables.set(`${prefix}_PORT`, String(port.port));
      variables.set(`${prefix}_ADDR`, host);
    }
  }
  return variables;
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}
