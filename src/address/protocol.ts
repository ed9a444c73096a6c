/** Transport protocols that services and policies know, with their IANA numbers. */
export const PROTOCOL_NUMBERS = { tcp: 6, udp: 17, sctp: 132, icmp: 1, icmpv6: 58 } as const;

export type Protocol = keyof typeof PROTOCOL_NUMBERS;

/** The protocols that have ports. */
export type TransportProtocol = 'tcp' | 'udp' | 'sctp';
