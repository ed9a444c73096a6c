import { AttributeReader } from '../netlink/attribute-reader.ts';
import { NLM_F_DUMP, NLM_F_REQUEST } from '../netlink/message.ts';
import { MessageBuilder } from '../netlink/message-builder.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { RTM_GETTFILTER } from './message-type.ts';

/** `struct tcmsg`: u8 family, 3 pad, s32 index, u32 handle, u32 parent, u32 info. */
const HEADER_LENGTH = 20;
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
/** `linux/pkt_cls.h` */
const TCA_BPF_NAME = 7;
/** `linux/pkt_sched.h`: what filters of a clsact discipline hang on; an ingress discipline has the first alone. */
const PARENTS = { ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const;

export interface TrafficFilter {
  readonly direction: keyof typeof PARENTS;
  /** The kernel's name of its kind: `bpf`, `flower`, `matchall`, … */
  readonly kind: string;
  /** Name of the eBPF program, where it is one. */
  readonly program?: string;
}

/** The traffic control filters on the way into and out of the link of an index; eBPF programs by tcx are none of them. */
export function readTrafficFilters(socket: NetlinkSocket, index: number): readonly TrafficFilter[] {
  return (['ingress', 'egress'] as const).flatMap((direction) => {
    const builder = new MessageBuilder(64);
    builder.begin(RTM_GETTFILTER, NLM_F_REQUEST | NLM_F_DUMP);
    builder.raw32(0).raw32(index).raw32(0).raw32(PARENTS[direction]).raw32(0).end();
    return socket.dump(builder, (message) => {
      const filter = decodeFilter(AttributeReader.ofMessage(message, HEADER_LENGTH));
      return filter === undefined ? undefined : { direction, ...filter };
    });
  });
}

/** Undefined for the message that stands for a filter's head and holds nothing. */
function decodeFilter(attributes: AttributeReader): Omit<TrafficFilter, 'direction'> | undefined {
  let kind: string | undefined;
  let options: AttributeReader | undefined;
  while (attributes.next()) {
    if (attributes.type === TCA_KIND) kind = attributes.string();
    else if (attributes.type === TCA_OPTIONS) options = attributes.nested();
  }
  if (kind === undefined || options === undefined) return undefined;
  while (kind === 'bpf' && options.next())
    if (options.type === TCA_BPF_NAME) return { kind, program: options.string() };
  return { kind };
}
