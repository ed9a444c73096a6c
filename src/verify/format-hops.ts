import type { Hop } from './report.ts';

/** Widest word that stands before what happened: `postrouting`, `decapsulate`. */
const WIDTH = 13;

/**
 * A packet's way for people, a line a hop below the name of the host where it happens. Rules that only lead to another chain are
 * left out unless all are asked for.
 */
export function formatHops(hops: readonly Hop[], indent: string, withPassing = false): readonly string[] {
  const lines: string[] = [];
  let host: string | undefined;
  for (const hop of hops) {
    if (hop.passing === true && !withPassing) continue;
    if (hop.host !== host) lines.push(`${indent}${hop.host}`);
    host = hop.host;
    const [stage, ...place] = hop.stage.split(', ');
    const where = place.length === 0 ? '' : `${place.join(', ')}: `;
    lines.push(`${indent}    ${(stage ?? '').padEnd(WIDTH)}${where}${hop.detail}`);
  }
  return lines;
}
