import { type Address, formatAddress, parseAddress } from '../../address/address.ts';
import { type ContainerPlan, participantId } from './container-plan.ts';
import type { Story } from './story.ts';

/** Of the tasks on bridges. */
const INSIDE = parseAddress('172.17.0.2');

export function marathonStory(plan: ContainerPlan): Story {
  const directory = plan.paths
    .filter(({ to }, index) => plan.paths.findIndex((path) => path.to === to) === index)
    .map(({ to, address, port }) => `  ${to.padEnd(20)} ${end(address, port)}`);
  const queue = plan.paths.filter(({ to }) => to === 'node/host-3');
  const published = plan.paths.filter(({ to }) => to !== 'node/host-3');
  const packets = (paths: ContainerPlan['paths']) =>
    paths.map(({ from, address, port, to }) => ({ from, address, port, meant: to }));
  const [web1, web2] = plan.containers.map((container) => participantId(plan, container));
  return {
    title: "Marathon's model",
    text: [
      "The scheduler gives every task a port of the host that it puts it on. A task is its host's address and that port, and",
      'whoever looks for it asks the scheduler, which says:',
      '',
      ...directory,
      '',
      'web-1 and web-2 are in containers on docker0, each at 172.17.0.2 of its own host; queue listens on host-3 itself.',
    ],
    steps: [
      {
        title: 'Every task reaches every other where the scheduler says it is',
        text: ['Each calls the two that are in containers.'],
        packets: packets(published),
        moral:
          'All arrive, and all through NAT: the host that has the port leads it to its container. Whoever is called sees a host in place of a task. Nobody in this model relies on more: a task is never told by its address.',
      },
      {
        title: "A task on its host's network needs no NAT at the far end",
        text: ['The two call queue, which listens on the port of its host that it was given.'],
        packets: packets(queue),
        moral:
          "It is reached at the host's own address. What it pays is that it must listen where it is told, as all tasks of a host share its ports.",
      },
      {
        title: 'By its own address no task is found',
        text: ['web-1 calls web-2 at 172.17.0.2, and the other way round.'],
        packets: [
          { from: web1 ?? '', address: INSIDE, port: 80, meant: web2 ?? '' },
          { from: web2 ?? '', address: INSIDE, port: 80, meant: web1 ?? '' },
        ],
        moral:
          "Each reaches itself: rule 1 is broken, as with Docker, and rules 2 and 3 with it. It harms nobody here. The rules promise that the address on a pod's eth0 is good everywhere; this model never gives that address to anybody. Ports are what it pays with: each must be handed out, and asked for.",
      },
    ],
  };
}

function end(address: Address, port: number): string {
  return `${formatAddress(address)}:${port}`;
}
