import type { QueueDiscipline, Unknown } from '../network-state.ts';
import type { Dump } from './dump-rows.ts';

/** Stands before the filters of a device, which tc doesn't name with them. */
const FILTERS = /^# tc filter show dev (\S+) (ingress|egress)/;

/** @returns the line that introduces what `tc filter show` prints for a device */
export function filterHeading(device: string, direction: 'ingress' | 'egress'): string {
  return `# tc filter show dev ${device} ${direction}`;
}

/**
 * Reads `tc -d qdisc show`, and the filters that follow under their headings. Filters, and disciplines that can hold some
 * of which no filters are listed, are unknown: what they do to packets is not modelled.
 */
export function parseTrafficControl(text: string): Dump<QueueDiscipline> {
  const rows: QueueDiscipline[] = [];
  const filters = new Set<string>();
  const listed = new Set<string>();
  let heading: { readonly device: string; readonly direction: string } | undefined;
  for (const line of text.split('\n')) {
    const [, device, direction] = FILTERS.exec(line) ?? [];
    if (device !== undefined && direction !== undefined) {
      heading = { device, direction };
      listed.add(device);
    }
    const discipline = parseDiscipline(line);
    if (discipline !== undefined) rows.push(discipline);
    const filter = heading && parseFilter(line);
    if (heading !== undefined && filter !== undefined) filters.add(filterName(filter, heading));
  }
  const unlisted = rows.filter((row) => row.kind === 'other' && holdsFilters(row.name) && !listed.has(row.device));
  return {
    rows,
    unknown: [
      ...[...filters].map((what) => ({ what, why: 'what it does to packets is not modelled' })),
      ...unlisted.map(
        ({ device }): Unknown => ({ what: `traffic control filters on ${device}`, why: 'tc.txt has none of them' }),
      ),
    ],
  };
}

/** Disciplines of these two kinds do nothing themselves: filters hang on them. */
function holdsFilters(name: string): boolean {
  return name === 'clsact' || name === 'ingress';
}

/** `qdisc tbf 8001: dev veth1 root refcnt 2 rate 10Mbit burst 10000b lat 25ms`. */
function parseDiscipline(line: string): QueueDiscipline | undefined {
  const [, name, handle = '', device] = /^qdisc (\S+) ([0-9a-f]*): dev (\S+)/.exec(line) ?? [];
  if (name === undefined || device === undefined) return undefined;
  const rate = quantity(line, 'rate', RATE_UNITS);
  const burst = quantity(line, 'burst', SIZE_UNITS);
  const latency = quantity(line, 'lat', TIME_UNITS);
  if (name !== 'tbf' || !/ root /.test(line) || rate === undefined || burst === undefined)
    return { kind: 'other', device, name };
  return {
    kind: 'tbf',
    device,
    handle: Number.parseInt(handle || '0', 16) * 0x1_0000,
    rate,
    burst,
    latency: latency ?? 0,
  };
}

/** Bytes a second, bytes, and microseconds; as tc(8) writes them. */
const RATE_UNITS = { bit: 1 / 8, Kbit: 125, Mbit: 125_000, Gbit: 125_000_000, Tbit: 125_000_000_000 };
const SIZE_UNITS = { b: 1, Kb: 1024, Mb: 1024 * 1024, Gb: 1024 ** 3 };
const TIME_UNITS = { us: 1, ms: 1000, s: 1_000_000 };

function quantity(line: string, name: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, number, unit = ''] = new RegExp(` ${name} ([0-9.]+)([A-Za-z]+)`).exec(line) ?? [];
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  return number === undefined || factor === undefined ? undefined : Math.round(Number(number) * factor);
}

interface Filter {
  readonly kind: string;
  readonly program?: string;
}

/** `filter protocol all pref 1 bpf chain 0 handle 0x1 bpf_host.o:[to-netdev] direct-action …`. */
function parseFilter(line: string): Filter | undefined {
  const [, kind, rest = ''] = /^filter .*?pref \d+ (\S+)(.*)$/.exec(line) ?? [];
  // the head of a list of filters says its kind, and holds nothing
  if (kind === undefined || !/ (handle|fh \S+ order) /.test(rest)) return undefined;
  const [, program] = /handle \S+ (\S+)/.exec(rest) ?? [];
  return kind === 'bpf' && program !== undefined ? { kind, program } : { kind };
}

function filterName(
  { kind, program }: Filter,
  { device, direction }: { readonly device: string; readonly direction: string },
) {
  return kind === 'bpf'
    ? `eBPF program ${program ?? ''} (tc ${direction}) on ${device}`
    : `traffic control filter ${kind} (${direction}) on ${device}`;
}
