import { parseAddress } from '../../address/address.ts';
import { parseInterfaceAddress } from '../../address/prefix.ts';
import type { DeclaredPath } from '../../verify/declared-path.ts';
import { type ContainerPlan, type PlannedContainer, participantId } from './container-plan.ts';
import { type ModelPlan, modelHost, modelSubnet } from './docker-model.ts';

const NAMESPACE = 'marathon';

/** A task, its host's address, and the port that the scheduler has given it there. */
interface Task {
  readonly container: PlannedContainer;
  readonly address: string;
  readonly port: number;
}

/**
 * Marathon's model: a task is its host's address and a port of that host, which the scheduler chose and tells whoever asks for the
 * task. Two tasks are behind a published port, in Docker's range as it comes: the same on both hosts. The third listens
 * on its host itself, which has no bridge.
 */
export function planMarathonModel(): ModelPlan {
  const subnet = modelSubnet('lan-1', '10.1.2.0/24');
  const inside = parseInterfaceAddress('172.17.0.2/16');
  const bridge = parseInterfaceAddress('172.17.0.1/16');
  const publishedTask = (name: string, host: string, address: string, port: number): Task => {
    const published = { address: parseAddress(address), port };
    return { address, port, container: { name, host, address: inside, port: 80, published } };
  };
  const tasks: readonly Task[] = [
    publishedTask('web-1', 'host-1', '10.1.2.3', 31001),
    publishedTask('web-2', 'host-2', '10.1.2.4', 31002),
    { address: '10.1.2.5', port: 31003, container: { name: 'queue', host: 'host-3', port: 31003 } },
  ];
  const containers: Omit<ContainerPlan, 'paths'> = {
    model: 'marathon',
    namespace: NAMESPACE,
    bridges: new Map(['host-1', 'host-2'].map((host) => [host, bridge])),
    containers: tasks.map(({ container }) => container),
  };
  return {
    subnets: [subnet],
    hosts: [
      modelHost('host-1', subnet, '10.1.2.3/24'),
      modelHost('host-2', subnet, '10.1.2.4/24'),
      modelHost('host-3', subnet, '10.1.2.5/24'),
    ],
    containers: { ...containers, paths: pathsBetween(tasks, { ...containers, paths: [] }) },
  };
}

/** Every task reaches every other where the scheduler has put it. */
function pathsBetween(tasks: readonly Task[], plan: ContainerPlan): readonly DeclaredPath[] {
  return tasks.flatMap((from) =>
    tasks
      .filter((to) => to !== from)
      .map((to) => ({
        name: `${from.container.name}-to-${to.container.name}`,
        from: participantId(plan, from.container),
        protocol: 'tcp',
        address: parseAddress(to.address),
        port: to.port,
        to: participantId(plan, to.container),
      })),
  );
}
