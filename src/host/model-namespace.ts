import assert from 'node:assert/strict';
import { changedTables } from '../netfilter/changed-tables.ts';
import type { Table } from '../netfilter/node.ts';
import type { Change } from './change.ts';
import type { OwnedLink, OwnedNetwork } from './owned-state.ts';
import { forwardingKey, linkAddressKey, neighbourKey, queueDisciplineKey, routeKey, ruleText } from './row-text.ts';
import { deviceOfSysctl } from './sysctl-key.ts';

/** For tests: a namespace as far as the order of changes goes. It refuses what refers to nothing, and drops what a device takes along. */
export class ModelNamespace {
  links = new Map<string, OwnedLink>();
  readonly addresses = new Map<string, OwnedNetwork['addresses'][number]>();
  readonly routes = new Map<string, OwnedNetwork['routes'][number]>();
  readonly rules = new Map<string, OwnedNetwork['rules'][number]>();
  readonly neighbours = new Map<string, OwnedNetwork['neighbours'][number]>();
  readonly forwarding = new Map<string, OwnedNetwork['forwarding'][number]>();
  readonly disciplines = new Map<string, OwnedNetwork['queueDisciplines'][number]>();
  readonly sysctls = new Map<string, string>();
  tables: Table[] = [];

  readonly #foreign: ReadonlySet<string>;

  /** @param foreign devices that are there and not ours */
  constructor(foreign: readonly string[] = []) {
    this.#foreign = new Set(foreign);
  }

  requireDevice(name: string | undefined): void {
    const known = name !== undefined && (this.links.has(name) || this.#foreign.has(name));
    assert.ok(known, `no device ${name}`);
  }

  apply(change: Change): void {
    switch (change.kind) {
      case 'add-link':
        assert.ok(!this.links.has(change.link.name), `${change.link.name} is there`);
        if (change.link.master !== undefined) this.requireDevice(change.link.master);
        this.links.set(change.link.name, change.link);
        return;
      case 'update-link':
        this.requireDevice(change.link.name);
        if (change.link.master !== undefined) this.requireDevice(change.link.master);
        this.links.set(change.link.name, change.link);
        return;
      case 'remove-link':
        this.requireDevice(change.name);
        this.removeLink(change.name);
        return;
      case 'put-address':
        this.requireDevice(change.address.device);
        this.addresses.set(linkAddressKey(change.address), change.address);
        return;
      case 'remove-address':
        assert.ok(this.addresses.delete(linkAddressKey(change.address)));
        // as fib_disable_ip does when a device loses its last IPv4 address
        for (const [key, route] of this.routes)
          if (route.nextHops.some(({ device }) => device === change.address.device)) this.routes.delete(key);
        return;
      case 'put-route':
        for (const { device } of change.route.nextHops) this.requireDevice(device);
        this.routes.set(routeKey(change.route), change.route);
        return;
      case 'remove-route':
        this.routes.delete(routeKey(change.route));
        return;
      case 'add-rule':
        assert.ok(!this.rules.has(ruleText(change.rule)));
        this.rules.set(ruleText(change.rule), change.rule);
        return;
      case 'remove-rule':
        assert.ok(this.rules.delete(ruleText(change.rule)));
        return;
      case 'put-neighbour':
        this.requireDevice(change.neighbour.device);
        this.neighbours.set(neighbourKey(change.neighbour), change.neighbour);
        return;
      case 'remove-neighbour':
        assert.ok(this.neighbours.delete(neighbourKey(change.neighbour)));
        return;
      case 'put-forwarding':
        this.requireDevice(change.entry.device);
        this.forwarding.set(forwardingKey(change.entry), change.entry);
        return;
      case 'remove-forwarding':
        assert.ok(this.forwarding.delete(forwardingKey(change.entry)));
        return;
      case 'put-queue-discipline':
        this.requireDevice(change.discipline.device);
        this.disciplines.set(queueDisciplineKey(change.discipline), change.discipline);
        return;
      case 'remove-queue-discipline':
        assert.ok(this.disciplines.delete(queueDisciplineKey(change.discipline)));
        return;
      case 'set-sysctl':
        this.setSysctl(change.setting);
        return;
      case 'change-tables':
        this.tables = changedTables(this.tables, change.changes);
        return;
      default:
        assert.fail(change satisfies never);
    }
  }

  setSysctl({ key, value }: OwnedNetwork['sysctls'][number]): void {
    const device = deviceOfSysctl(key);
    if (device !== undefined && device !== 'all' && device !== 'default') this.requireDevice(device);
    this.sysctls.set(key, value);
  }

  removeLink(name: string): void {
    this.links.delete(name);
    for (const rows of [this.addresses, this.neighbours, this.forwarding, this.disciplines])
      for (const [key, { device }] of rows) if (device === name) rows.delete(key);
    for (const [key, { nextHops }] of this.routes)
      if (nextHops.some(({ device }) => device === name)) this.routes.delete(key);
    for (const key of this.sysctls.keys()) if (deviceOfSysctl(key) === name) this.sysctls.delete(key);
    this.links = new Map(
      Array.from(this.links, ([port, { master, port: flags, ...link }]) => [
        port,
        master === undefined || master === name
          ? link
          : { ...link, master, ...(flags !== undefined && { port: flags }) },
      ]),
    );
  }

  network(): OwnedNetwork {
    return {
      links: [...this.links.values()],
      addresses: [...this.addresses.values()],
      routes: [...this.routes.values()],
      rules: [...this.rules.values()],
      neighbours: [...this.neighbours.values()],
      forwarding: [...this.forwarding.values()],
      sysctls: Array.from(this.sysctls, ([key, value]) => ({ key, value })),
      queueDisciplines: [...this.disciplines.values()],
      tables: this.tables,
    };
  }
}
