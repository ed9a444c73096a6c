import { FlatnetError } from '../../error/flatnet-error.ts';

const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** Reads a Kubernetes quantity: `500m`, `10M`, `1.5Gi`, `1e3`. @throws FlatnetError `invalid` */
export function parseQuantity(text: string): number {
  const [, number, suffix] = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([a-zA-Z]{0,2})$/.exec(text) ?? [];
  const factor = SUFFIXES[suffix ?? '?'];
  if (number !== undefined && factor !== undefined) return Number(number) * factor;
  throw new FlatnetError({
    operation: 'parse quantity',
    code: 'invalid',
    message: `${JSON.stringify(text)} is not a quantity`,
    remedy: 'write it like 500m, 10M or 1.5Gi',
  });
}
