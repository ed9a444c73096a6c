import { MessageBuilder } from '../kernel/netlink/message-builder.ts';
import { NetlinkSocket } from '../kernel/netlink/netlink-socket.ts';
import { identifyNamespace, identifyOwnNamespace, NetworkNamespace } from '../kernel/network-namespace.ts';
import { encodeLinkSettings } from '../kernel/rtnetlink/link-settings.ts';
import { readLink } from '../kernel/rtnetlink/link-table.ts';
import { CniError } from './cni-error.ts';
import { type CniReply, type CniRequest, replyWith } from './cni-request.ts';
import { parseEnvironment } from './environment.ts';
import { parseNetworkConfiguration } from './network-configuration.ts';
import { type CniResult, EMPTY_RESULT, parseResult, renderResult } from './result.ts';
import { renderVersions } from './version.ts';

/** The name that runtimes start it under. */
export const LOOPBACK_PLUGIN = 'loopback';

const LOOPBACK = 'lo';

/**
 * The plugin `loopback`, without which containerd starts no pod, for nodes that lack the reference plugins: brings up the
 * loopback of a pod, which exists in every namespace and goes with it.
 */
export class LoopbackPlugin {
  handle(request: CniRequest): Promise<CniReply> {
    return replyWith(request, async () => answer(request));
  }
}

function answer({ environment, stdin }: CniRequest): unknown {
  const invocation = parseEnvironment(environment);
  switch (invocation.command) {
    case 'VERSION':
      return renderVersions(stdin);
    case 'ADD': {
      const { cniVersion, previousResult } = parseNetworkConfiguration(stdin);
      raise(invocation.namespacePath);
      const previous = previousResult === undefined ? EMPTY_RESULT : parseResult(previousResult, cniVersion);
      return renderResult(addLoopback(previous, invocation.namespacePath), cniVersion);
    }
    case 'CHECK':
      return check(invocation.namespacePath);
    // The loopback goes with its namespace.
    case 'DEL':
    case 'GC':
    case 'STATUS':
      return undefined;
    default: {
      const unreachable: never = invocation;
      throw new TypeError(`no such command: ${JSON.stringify(unreachable)}`);
    }
  }
}

function addLoopback(previous: CniResult, sandbox: string): CniResult {
  const index = previous.interfaces.length;
  return {
    ...previous,
    interfaces: [...previous.interfaces, { name: LOOPBACK, mac: '00:00:00:00:00:00', sandbox }],
    ips: [...previous.ips, { address: '127.0.0.1/8', interface: index }, { address: '::1/128', interface: index }],
  };
}

function raise(namespacePath: string): void {
  inPod(namespacePath, (socket, index) => {
    const builder = new MessageBuilder(64);
    encodeLinkSettings(builder, index, { up: true });
    socket.request(builder);
  });
}

function check(namespacePath: string): undefined {
  inPod(namespacePath, (_socket, _index, up) => {
    if (!up)
      throw new CniError('failed', {
        operation: 'CHECK',
        message: `${LOOPBACK} in ${namespacePath} is down`,
        remedy: 'delete the pod',
      });
  });
}

function inPod(namespacePath: string, action: (socket: NetlinkSocket, index: number, up: boolean) => void): void {
  const identity = identifyNamespace(namespacePath);
  if (identity === undefined || identity === identifyOwnNamespace())
    throw new CniError('invalid environment', {
      operation: 'raise loopback',
      message: `CNI_NETNS ${namespacePath} is not the network namespace of a pod`,
    });
  using namespace = NetworkNamespace.open(namespacePath);
  using socket = NetlinkSocket.open('route', { namespace });
  const link = readLink(socket, LOOPBACK)?.link;
  if (link !== undefined) action(socket, link.index, link.up);
}
