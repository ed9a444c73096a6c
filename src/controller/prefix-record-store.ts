import { FlatnetError } from '../error/flatnet-error.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import type { ConfigMap } from '../kube/objects/config-map.ts';
import { CONFIG_MAPS } from '../kube/resource.ts';
import { EMPTY_PREFIX_RECORD, formatPrefixRecord, type PrefixRecord, parsePrefixRecord } from './prefix-record.ts';

/** Where the record stands. */
export const PREFIX_RECORD = { namespace: 'kube-system', name: 'flatnet-prefixes' } as const;

const KEY = 'prefixes.json';

/**
 * The record in a ConfigMap. Every write names the version that was read, so that a controller which was replaced without
 * knowing it can give out nothing: its write is refused.
 */
export class PrefixRecordStore {
  readonly #client: KubeClient;
  #map: ConfigMap | undefined;
  #record: PrefixRecord = EMPTY_PREFIX_RECORD;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** As last read or written. */
  get record(): PrefixRecord {
    return this.#record;
  }

  /** Reads what stands there. @throws FlatnetError `invalid` where it is no record of ours */
  async load(signal: AbortSignal): Promise<void> {
    this.#map = await this.#client.find(CONFIG_MAPS, PREFIX_RECORD, { signal });
    const text = this.#map?.data?.[KEY];
    if (text === undefined) this.#record = EMPTY_PREFIX_RECORD;
    else {
      try {
        this.#record = parsePrefixRecord(text);
      } catch (cause) {
        throw new FlatnetError({
          operation: 'read prefix record',
          code: 'invalid',
          message: `ConfigMap ${PREFIX_RECORD.namespace}/${PREFIX_RECORD.name} holds no record of prefixes in ${KEY}`,
          remedy: 'repair it, or delete it: then prefixes of nodes that are gone may be given out again at once',
          cause,
        });
      }
    }
  }

  /** Replaces the record; nothing is sent where it says the same. @throws FlatnetError `conflict` where another wrote */
  async write(record: PrefixRecord, signal: AbortSignal): Promise<void> {
    const text = formatPrefixRecord(record);
    if (this.#map?.data?.[KEY] !== text) {
      const data = { [KEY]: text };
      this.#map =
        this.#map === undefined
          ? await this.#client.create(CONFIG_MAPS, { metadata: PREFIX_RECORD, data }, { signal })
          : await this.#client.update(CONFIG_MAPS, { ...this.#map, data }, { signal });
    }
    this.#record = record;
  }
}
