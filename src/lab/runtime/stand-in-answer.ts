/** Who a stand-in server answers as; a host itself has no pod. */
export interface StandInIdentity {
  readonly pod: string;
  readonly namespace: string;
  readonly node: string;
  readonly container: string;
  /** The image that it stands in for. */
  readonly image: string;
}

interface EndPoint {
  readonly address: string;
  readonly port: number;
}

/** What a stand-in server says of a request: who answered, and how both ends looked from there. */
export interface StandInAnswer extends StandInIdentity {
  readonly client: EndPoint;
  readonly server: EndPoint;
  readonly request: { readonly method: string; readonly path: string; readonly host: string };
}

/** The answer for people: one line a fact. */
export function formatStandInAnswer(answer: StandInAnswer): string {
  const { pod, namespace, node, image, client, server, request } = answer;
  return [
    ...(pod === '' ? [] : [`pod:     ${namespace}/${pod}`]),
    `node:    ${node}`,
    `client:  ${formatEnd(client)}`,
    `server:  ${formatEnd(server)}`,
    `request: ${request.method} ${request.path} to ${request.host}`,
    ...(image === '' ? [] : [`(Flatnet's built-in server, standing in for ${image})`]),
    '',
  ].join('\n');
}

function formatEnd({ address, port }: EndPoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
