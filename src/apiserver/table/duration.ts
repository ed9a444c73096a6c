const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** A span as Kubernetes shows ages (apimachinery duration.HumanDuration): `95s`, `3m10s`, `5h20m`, `3d4h`, `2y5d`. */
export function formatAge(milliseconds: number): string {
  if (milliseconds < -SECOND) return '<invalid>';
  if (milliseconds < 0) return '0s';
  const whole = (unit: number): number => Math.floor(milliseconds / unit);
  if (milliseconds < 2 * MINUTE) return `${whole(SECOND)}s`;
  if (milliseconds < 10 * MINUTE) return pair(whole(MINUTE), 'm', whole(SECOND) % 60, 's');
  if (milliseconds < 3 * HOUR) return `${whole(MINUTE)}m`;
  if (milliseconds < 8 * HOUR) return pair(whole(HOUR), 'h', whole(MINUTE) % 60, 'm');
  if (milliseconds < 2 * DAY) return `${whole(HOUR)}h`;
  if (milliseconds < 8 * DAY) return pair(whole(DAY), 'd', whole(HOUR) % 24, 'h');
  if (milliseconds < 2 * YEAR) return `${whole(DAY)}d`;
  if (milliseconds < 8 * YEAR) return pair(whole(YEAR), 'y', whole(DAY) % 365, 'd');
  return `${whole(YEAR)}y`;
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}

/** The age of an RFC 3339 time, or `<unknown>`. */
export function ageOf(time: string | undefined, now: number): string {
  const at = time === undefined ? Number.NaN : Date.parse(time);
  return Number.isNaN(at) ? '<unknown>' : formatAge(now - at);
}
