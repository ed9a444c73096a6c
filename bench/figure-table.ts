import { formatTable } from '../src/cli/table.ts';
import { type Figure, isMet, ratioOf, type Sample, type Target } from './figure.ts';

const HEADING = ['figure', 'flatnet', 'peer', 'ratio', 'target', '', 'note'];

/** Medians with minima in brackets; the ratio is of medians. */
export function formatFigures(figures: readonly Figure[]): string {
  return formatTable(HEADING, figures.map(formatRow));
}

function formatRow(figure: Figure): readonly string[] {
  const { name, unit, ours, peer, target, note = '' } = figure;
  const ratio = ratioOf(figure);
  const verdict = isMet(figure);
  return [
    name,
    formatSample(ours, unit),
    peer === undefined ? '' : `${peer.name} ${formatSample(peer.sample, unit)}`,
    ratio === undefined ? '' : ratio.toFixed(2),
    target === undefined ? '' : formatTarget(target, unit),
    verdict === undefined ? '' : verdict ? 'met' : 'MISSED',
    note,
  ];
}

function formatSample({ median, minimum, count }: Sample, unit: string): string {
  const value = `${formatNumber(median)} ${unit}`;
  return count === 1 ? value : `${value} (${formatNumber(minimum)})`;
}

function formatTarget({ of, bound, limit }: Target, unit: string): string {
  const sign = bound === 'at most' ? '≤' : '≥';
  return of === 'ratio' ? `${sign} ${limit.toFixed(2)} of it` : `${sign} ${limit} ${unit}`;
}

/** Three digits that count. */
function formatNumber(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 0.1 ? 2 : 3;
  return value.toFixed(digits);
}
