/** How a client wants an answer. */
export type ResponseFormat =
  | { readonly as: 'object' }
  | { readonly as: 'table'; readonly version: 'v1' | 'v1beta1' }
  | { readonly as: 'metadata' };

interface MediaRange {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly quality: number;
}

/** The media ranges of an Accept header, best first (RFC 9110, 12.5.1). */
export function parseAccept(header: string): readonly MediaRange[] {
  return header
    .split(',')
    .map((range) => {
      const [type = '', ...rest] = range.split(';').map((part) => part.trim());
      const parameters = Object.fromEntries(
        rest.map((part): [string, string] => {
          const at = part.indexOf('=');
          return at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)];
        }),
      );
      return { type: type.toLowerCase(), parameters, quality: parameters.q === undefined ? 1 : Number(parameters.q) };
    })
    .filter((range) => range.type !== '' && range.quality > 0)
    .sort((a, b) => b.quality - a.quality);
}

/** The first wished-for form that the server has, or undefined (406). */
export function negotiateFormat(accept: string | undefined): ResponseFormat | undefined {
  if (accept === undefined || accept === '') return { as: 'object' };
  for (const { type, parameters } of parseAccept(accept)) {
    if (type === '*/*' || type === 'application/*') return { as: 'object' };
    if (type !== 'application/json') continue;
    if (parameters.as === undefined) return { as: 'object' };
    if (parameters.g !== 'meta.k8s.io') continue;
    if (parameters.as === 'Table') return { as: 'table', version: parameters.v === 'v1beta1' ? 'v1beta1' : 'v1' };
    if (parameters.as.startsWith('PartialObjectMetadata')) return { as: 'metadata' };
  }
  return undefined;
}
