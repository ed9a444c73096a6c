import type { PackedElements } from '../../netfilter/packed-elements.ts';
import { MessageBuilder, type Stencil } from '../netlink/message-builder.ts';
import { NFTA_DATA, NFTA_ELEMENT, NFTA_LIST_ELEM } from './attribute-type.ts';

/** How a packed element lies in a list of them: all elements of a set are alike but for their words. */
export function elementStencil({ layout, stride }: Pick<PackedElements, 'layout' | 'stride'>, whole: boolean): Stencil {
  const builder = new MessageBuilder(128);
  const gaps: number[] = [];
  const leaveOut = (type: number, bytes: number) => {
    const nest = builder.beginNest(type);
    builder.attribute(NFTA_DATA.value, new Uint8Array(bytes)).endNest(nest);
    for (let at = builder.length - bytes; at < builder.length; at += 4) gaps.push(at / 4);
  };
  const element = builder.beginNest(NFTA_LIST_ELEM);
  leaveOut(NFTA_ELEMENT.key, layout.key.bytes);
  if (whole && layout.value !== undefined) leaveOut(NFTA_ELEMENT.data, layout.value.bytes);
  builder.endNest(element);
  return { template: new Uint32Array(builder.bytes().slice().buffer), gaps, stride };
}
