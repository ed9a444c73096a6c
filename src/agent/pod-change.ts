import { type Address, sameAddress } from '../address/address.ts';
import type { Attachment } from '../cni/attachment.ts';
import type { Change } from '../host/change.ts';
import { deviceOfSysctl } from '../host/sysctl-key.ts';

/** Whether a change of the host's own namespace has to do with one pod. */
export function concernsPod(change: Change, { hostLink, addresses }: Attachment): boolean {
  const isOwn = (address: Address) => addresses.some((own) => sameAddress(own, address));
  switch (change.kind) {
    case 'add-link':
    case 'update-link':
      return change.link.name === hostLink;
    case 'remove-link':
      return change.name === hostLink;
    case 'put-address':
    case 'remove-address':
      return change.address.device === hostLink;
    case 'put-route':
    case 'remove-route':
      return isOwn(change.route.destination.address) || change.route.nextHops.some(({ device }) => device === hostLink);
    case 'put-neighbour':
    case 'remove-neighbour':
      return isOwn(change.neighbour.address);
    case 'put-forwarding':
    case 'remove-forwarding':
      return change.entry.device === hostLink;
    case 'set-sysctl':
      return deviceOfSysctl(change.setting.key) === hostLink;
    case 'put-queue-discipline':
    case 'remove-queue-discipline':
      return change.discipline.device === hostLink;
    case 'change-tables':
      return change.changes.some(
        (step) => step.kind === 'add-table' || ('chain' in step && nameOf(step.chain) === hostLink),
      );
    case 'add-rule':
    case 'remove-rule':
      return false;
    default: {
      const never: never = change;
      throw new TypeError(`no such change: ${JSON.stringify(never)}`);
    }
  }
}

function nameOf(chain: string | { readonly name: string }): string {
  return typeof chain === 'string' ? chain : chain.name;
}
