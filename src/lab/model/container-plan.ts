import type { Address } from '../../address/address.ts';
import type { InterfaceAddress } from '../../address/prefix.ts';
import type { DeclaredPath } from '../../verify/declared-path.ts';

/** The classic ways to give containers a network. */
export type ModelName = 'docker' | 'kubernetes' | 'marathon';

/** A container on a host without Kubernetes. */
export interface PlannedContainer {
  /** On all hosts its own. */
  readonly name: string;
  readonly host: string;
  /** Of its eth0, on the host's bridge; absent: it is on the host's own network. */
  readonly address?: InterfaceAddress;
  /** TCP port that its server listens on. */
  readonly port: number;
  readonly published?: PublishedPort;
}

/** A port of a host's that leads to a container on it. */
export interface PublishedPort {
  readonly address: Address;
  readonly port: number;
}

/** What of a lab without Kubernetes runs on its hosts. */
export interface ContainerPlan {
  readonly model: Exclude<ModelName, 'kubernetes'>;
  /** What stands before the containers' names where pods' namespaces do: `docker/a`. */
  readonly namespace: string;
  /** The address of each host's docker0, by host. */
  readonly bridges: ReadonlyMap<string, InterfaceAddress>;
  readonly containers: readonly PlannedContainer[];
  readonly paths: readonly DeclaredPath[];
}

/** Who a container is in verdicts: a pod, or where it is on its host's network the host. */
export function participantId({ namespace }: ContainerPlan, { name, host, address }: PlannedContainer): string {
  return address === undefined ? `node/${host}` : `pod/${namespace}/${name}`;
}
