import type { PolicyStep, RuleStep } from '../model/flight.ts';
import { formatPlace, formatStepRule, formatWay } from '../model/format-step.ts';
import type { Site } from '../model/site.ts';
import type { RouteStep } from './fault.ts';

/** A rule, or a chain's policy, by its host, table and chain, with its own words. */
export function responsibleRule(site: Site, by: RuleStep | PolicyStep): string {
  const words = by.kind === 'policy' ? 'policy drop' : formatStepRule(by);
  return `${site.name}: ${formatPlace(by)}: ${words}`;
}

/** A route by its host. */
export function responsibleRoute({ site, route, hop }: RouteStep): string {
  return `${site.name}: route ${formatWay(route, hop)}`;
}
