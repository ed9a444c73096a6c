import type { BackendName } from '../../cluster/cluster-configuration.ts';
import { auto } from './auto.ts';
import type { Backend } from './backend.ts';
import { cloud } from './cloud.ts';
import { hostGateway } from './host-gw.ts';
import { vxlan } from './vxlan.ts';

export const BACKENDS: Readonly<Record<BackendName, Backend>> = { auto, 'host-gw': hostGateway, vxlan, cloud };
