import { isDeepStrictEqual } from 'node:util';
import { FAMILIES, type Family } from '../../address/family.ts';
import type { SysctlSetting } from '../../host/owned-state.ts';
import type { Table } from '../../netfilter/node.ts';
import type { TableChange } from '../../netfilter/table-change.ts';
import { isSamePlannedService } from '../../plan/service/same-planned-service.ts';
import type { PlannedService, ServicePlan, ServiceSurroundings } from '../../plan/service/service-plan.ts';
import type { FoundServices } from './found-services.ts';
import type { ExpectedElements } from './service-set.ts';
import { type ServiceChange, ServiceTable, type TakeoverExtent } from './service-table.ts';

/** Lets packets with loopback addresses be routed, so that node ports at 127.0.0.1 reach endpoints. */
const ROUTE_LOOPBACK: SysctlSetting = { key: 'net.ipv4.conf.all.route_localnet', value: '1' };

/** To be made before tables that guard loopback addresses go, or anybody could reach what listens there. */
export const CLOSE_LOOPBACK: readonly SysctlSetting[] = [{ ...ROUTE_LOOPBACK, value: '0' }];

/** What changing the tables comes to. */
export interface RenderedServiceChange {
  /** One transaction. */
  readonly tables: readonly TableChange[];
  /** To be made before. */
  readonly closing: readonly SysctlSetting[];
  /** The services that differ, as they were and as they are. */
  readonly services: readonly ServiceChange[];
}

/**
 * The tables of all services of a node, followed from plan to plan. A pool keeps its number and its endpoints their
 * places for as long as they are there, so that a change of one service touches a few elements of maps, whatever the
 * number of services; numbers aside the tables are those that the whole plan would give at once.
 */
export class ServiceTables {
  readonly #services = new Map<string, PlannedService>();
  readonly #tables: Readonly<Record<Family, ServiceTable>>;
  #surroundings: ServiceSurroundings | undefined;

  /** @param expected where a load is to come of which that much is known */
  constructor(expected?: ExpectedElements) {
    this.#tables = { 4: new ServiceTable(4, expected), 6: new ServiceTable(6, expected) };
  }

  /** Starts from tables that a former agent has left; before anything else. */
  adopt(found: readonly FoundServices[]): void {
    for (const _ of this.adoption(found));
  }

  /** The same, some of it at a time. */
  *adoption(found: readonly FoundServices[]): Generator<void> {
    for (const one of found) {
      if (one.frame.family === 'ip') yield* this.#tables[4].adopt(one);
      if (one.frame.family === 'ip6') yield* this.#tables[6].adopt(one);
    }
  }

  /**
   * What has to change of adopted tables. Elements alone may be changed piece by piece. Where rules are to change as well,
   * what they find in the maps must change at the same instant; and sets that are made anew need all of their elements.
   */
  takeoverExtent(surroundings: ServiceSurroundings): TakeoverExtent {
    const extents = FAMILIES.map((family) => this.#tables[family].takeoverExtent(surroundings));
    return (['sets', 'rules'] as const).find((extent) => extents.includes(extent)) ?? 'elements';
  }

  /** Once all services have been told of: removes what was adopted and is none of theirs, and does what was gathered. */
  finishAdoption(): Omit<RenderedServiceChange, 'services'> {
    const surroundings = this.#surroundings;
    if (surroundings === undefined) return { tables: [], closing: [] };
    const wasOpen = this.loopback;
    const tables = FAMILIES.flatMap((family) => this.#tables[family].finishAdoption(surroundings));
    return { tables, closing: this.#closing(wasOpen) };
  }

  #closing(wasOpen: boolean): readonly SysctlSetting[] {
    return wasOpen && !this.loopback ? CLOSE_LOOPBACK : [];
  }

  /** Goes over to another plan. */
  replace({ services, surroundings }: ServicePlan): RenderedServiceChange {
    const gone = [...this.#services.keys()].filter((key) => !services.has(key));
    const rendered = this.change([...gone.map((key) => [key, undefined] as const), ...services], surroundings);
    const { tables, closing } = this.finishAdoption();
    return { ...rendered, tables: [...rendered.tables, ...tables], closing: [...rendered.closing, ...closing] };
  }

  /**
   * Goes over to other plans of some services; undefined removes one.
   * @param surroundings where they may have changed; nothing is done before they are known
   */
  change(
    changed: Iterable<readonly [string, PlannedService | undefined]>,
    surroundings = this.#surroundings,
  ): RenderedServiceChange {
    if (surroundings === undefined) return { tables: [], closing: [], services: [] };
    const known = this.#know(surroundings);
    const services = this.#differing(changed);
    const wasOpen = this.loopback;
    const tables = FAMILIES.flatMap((family) => this.#tables[family].change(services, known));
    return { tables, closing: this.#closing(wasOpen), services };
  }

  /** As `change`, with nothing told of the tables before `finishAdoption`: all of it is one transaction. */
  gather(
    changed: Iterable<readonly [string, PlannedService | undefined]>,
    surroundings: ServiceSurroundings,
  ): readonly ServiceChange[] {
    this.#know(surroundings);
    const services = this.#differing(changed);
    for (const family of FAMILIES) this.#tables[family].gather(services);
    return services;
  }

  /** The surroundings, the same object as long as they are the same. */
  #know(surroundings: ServiceSurroundings): ServiceSurroundings {
    if (this.#surroundings === undefined || !isDeepStrictEqual(this.#surroundings, surroundings))
      this.#surroundings = surroundings;
    return this.#surroundings;
  }

  /** Takes over the plans of services that differ from what is known of them. */
  #differing(changed: Iterable<readonly [string, PlannedService | undefined]>): readonly ServiceChange[] {
    const services: ServiceChange[] = [];
    for (const [key, after] of changed) {
      const before = this.#services.get(key);
      if (isSamePlannedService(before, after)) continue;
      services.push({ key, before, after });
      if (after === undefined) this.#services.delete(key);
      else this.#services.set(key, after);
    }
    return services;
  }

  get services(): ReadonlyMap<string, PlannedService> {
    return this.#services;
  }

  /** All of the tables. */
  get tables(): readonly Table[] {
    return FAMILIES.flatMap((family) => this.#tables[family].table ?? []);
  }

  /** Settings that the tables rely on; to be made after them, since they guard what these open. */
  get sysctls(): readonly SysctlSetting[] {
    return this.loopback ? [ROUTE_LOOPBACK] : [];
  }

  /** Whether loopback addresses lead anywhere, and are guarded. */
  get loopback(): boolean {
    return this.#tables[4].loopback;
  }
}

/** The tables of one plan, by themselves. */
export function renderServices(plan: ServicePlan): readonly Table[] {
  const tables = new ServiceTables();
  tables.replace(plan);
  return tables.tables;
}
