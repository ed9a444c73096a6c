import { FlatnetError } from '../error/flatnet-error.ts';

/** A TCP port of 127.0.0.1 on this machine that leads to a pod or a service of the lab. */
export interface Publication {
  /** 0: any that is free. */
  readonly port: number;
  readonly target: {
    readonly kind: 'svc' | 'pod';
    readonly namespace: string;
    readonly name: string;
    readonly port: number;
  };
}

const FORM = /^(?:(\d{1,5}):)?(svc|pod)\/([a-z0-9-]+)\/([a-z0-9.-]+):(\d{1,5})$/;

/** Parses `PORT:svc/NAMESPACE/NAME:PORT` or `PORT:pod/NAMESPACE/NAME:PORT`. @throws FlatnetError `invalid` */
export function parsePublication(text: string): Publication {
  const [, port = '0', kind, namespace, name, targetPort] = FORM.exec(text) ?? [];
  const target = Number(targetPort);
  if ((kind !== 'svc' && kind !== 'pod') || namespace === undefined || name === undefined)
    throw invalid(text, 'does not say what to publish where');
  if (Number(port) > 65535) throw invalid(text, `names port ${port}, and ports end at 65535`);
  if (target < 1 || target > 65535) throw invalid(text, `names port ${targetPort}, and ports run from 1 to 65535`);
  return { port: Number(port), target: { kind, namespace, name, port: target } };
}

/** The text that parsePublication reads. */
export function formatPublication({ port, target }: Publication): string {
  return `${port}:${formatPublicationTarget(target)}`;
}

/** `svc/NAMESPACE/NAME:PORT`. */
export function formatPublicationTarget(target: Publication['target']): string {
  return `${target.kind}/${target.namespace}/${target.name}:${target.port}`;
}

function invalid(text: string, why: string): FlatnetError {
  return new FlatnetError({
    operation: 'parse publication',
    code: 'invalid',
    message: `${JSON.stringify(text)} ${why}`,
    remedy: 'write it like 8080:svc/default/web:80 or 8081:pod/default/web-0:80',
  });
}
