import { type Address, parseAddress } from '../../address/address.ts';
import { OUTSIDE, type Story, type StoryPacket } from './story.ts';

const A = 'pod/docker/a';
const B = 'pod/docker/b';
const [HOST_1, HOST_2, HOST_3] = ['node/host-1', 'node/host-2', 'node/host-3'] as const;

/** Of A, of B, and of host 3. */
const SHARED = parseAddress('172.17.42.2');

function http(from: string, address: Address, meant: string, port = 80): StoryPacket {
  return { from, address, port, meant };
}

/** @param outside address of the host outside, where there is one */
export function dockerStory(outside: Address | undefined): Story {
  return {
    title: "Docker's standard model",
    text: [
      'Each host has a bridge, docker0, with a range of addresses that it alone knows. All hosts draw on the same ranges, so that',
      'addresses repeat:',
      '',
      '  host-1  eth0 10.1.2.3     docker0 172.17.42.1/16   container A 172.17.42.2, its port 80 published as 10.1.2.3:43210',
      '  host-2  eth0 10.1.2.4     docker0 172.17.42.1/16   container B 172.17.42.2',
      '  host-3  eth0 172.17.42.2  docker0 172.18.42.1/16   behind a router',
    ],
    steps: [
      {
        title: 'What is published is reached',
        text: ["B calls A's published port, at the address of A's host."],
        packets: [http(B, parseAddress('10.1.2.3'), A, 43210)],
        moral:
          "It works, by changing the packet twice. host-2 put its own address in B's place (MASQUERADE), host-1 put A's in place of its own (DNAT). So rule 1 doesn't hold: A is reached through NAT only. Nor does rule 3: A sees 10.1.2.4, B knows itself as 172.17.42.2, and A can't call B back under either.",
      },
      {
        title: 'By address, each container reaches itself',
        text: ['A calls B by its address, and B calls A by its address. It is the same address.'],
        packets: [http(A, SHARED, B), http(B, SHARED, A)],
        moral:
          "Rule 1 is broken: the packets don't even leave. To each container 172.17.42.2 is itself, so that each gets its own call and answers it. Nothing fails, and the wrong one answers.",
      },
      {
        title: 'Another host reaches whoever has the address on it',
        text: ['host-2 looks for A, and host-1 for B: each has a route to 172.17.0.0/16 on its own docker0.'],
        packets: [http(HOST_2, SHARED, A), http(HOST_1, SHARED, B)],
        moral: 'Rule 2 is broken: a host reaches its own containers, and takes them for those of others.',
      },
      {
        title: "A host that lies in the range can't be reached from any container",
        text: ['host-3 has the address that A and B have too. Both call it, and it calls A.'],
        packets: [http(A, SHARED, HOST_3), http(B, SHARED, HOST_3), http(HOST_3, SHARED, A)],
        moral:
          "Rule 2 is broken once more, and no bridge of host-3 has anything to do with it: the range that Docker took on host-1 and host-2 was somebody's already.",
      },
      {
        title: 'Hosts see each other where containers speak',
        text: ["A calls the other host's own server."],
        packets: [http(A, parseAddress('10.1.2.4'), HOST_2)],
        moral:
          "It arrives under host-1's address: whatever leaves docker0's range by another device is masqueraded, inside the data centre as well. Rules 2 and 3 are broken: a host sees all containers of another host as one.",
      },
      ...(outside === undefined
        ? []
        : [
            {
              title: 'To the outside, that very NAT is right',
              text: ['A calls a server on the internet.'],
              packets: [http(A, outside, OUTSIDE)],
              moral:
                'Nobody out there has a way back to 172.17.42.2, so that the address of the host must stand for it. None of the three rules is about the outside.',
            },
          ]),
    ],
  };
}
