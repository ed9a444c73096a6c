import { formatPrefix } from '../address/prefix.ts';
import type { AddressStore } from '../ipam/address-store.ts';
import type { AttachmentLifecycle } from './attachment-lifecycle.ts';
import { CniError, type CniErrorKind } from './cni-error.ts';
import { type CniReply, type CniRequest, replyWith } from './cni-request.ts';
import { type CniInvocation, parseEnvironment } from './environment.ts';
import { LOOPBACK_PLUGIN, LoopbackPlugin } from './loopback-plugin.ts';
import { type NetworkConfiguration, parseNetworkConfiguration } from './network-configuration.ts';
import type { PodNetwork, PodNetworkParameters, Readiness } from './pod-network.ts';
import { addToResult, checkResult } from './pod-result.ts';
import { EMPTY_RESULT, parseResult, renderResult } from './result.ts';
import { parseRuntimeConfiguration } from './runtime-configuration.ts';
import { type CniVersion, cniVersionAtLeast, renderVersions } from './version.ts';

/** What became of a request, for logs and figures. */
export interface CniOutcome {
  readonly command: string;
  readonly containerId: string;
  readonly interfaceName: string;
  readonly milliseconds: number;
  readonly error?: unknown;
}

export interface CniServiceOptions {
  readonly network: PodNetwork;
  readonly addresses: AddressStore;
  readonly lifecycle: AttachmentLifecycle;
  /** Name of the network that the address store belongs to. */
  readonly networkName: string;
  readonly onOutcome?: (outcome: CniOutcome) => void;
}

/** Commands that came with later versions than the first that we speak. */
const SINCE: Partial<Record<CniInvocation['command'], CniVersion>> = { CHECK: '0.4.0', GC: '1.1.0', STATUS: '1.1.0' };

/** Answers the requests that runtimes make of our plugin, and of the loopback plugin where it is ours too. */
export class CniService {
  readonly #options: CniServiceOptions;
  readonly #loopback = new LoopbackPlugin();

  constructor(options: CniServiceOptions) {
    this.#options = options;
  }

  /** Never rejects: whatever goes wrong becomes the error that the specification wants. */
  async handle(request: CniRequest): Promise<CniReply> {
    if (request.plugin === LOOPBACK_PLUGIN) return await this.#loopback.handle(request);
    const started = performance.now();
    const { CNI_COMMAND = '', CNI_CONTAINERID = '', CNI_IFNAME = '' } = request.environment;
    let error: unknown;
    const reply = await replyWith(
      request,
      () => this.#answer(request),
      (cause) => {
        error = cause;
      },
    );
    this.#options.onOutcome?.({
      command: CNI_COMMAND,
      containerId: CNI_CONTAINERID,
      interfaceName: CNI_IFNAME,
      milliseconds: performance.now() - started,
      ...(error !== undefined && { error }),
    });
    return reply;
  }

  async #answer({ environment, stdin }: CniRequest): Promise<unknown> {
    const invocation = parseEnvironment(environment);
    if (invocation.command === 'VERSION') return renderVersions(stdin);
    const configuration = parseNetworkConfiguration(stdin);
    const since = SINCE[invocation.command];
    if (since !== undefined && !cniVersionAtLeast(configuration.cniVersion, since))
      throw new CniError('incompatible version', {
        operation: invocation.command,
        message: `cniVersion ${configuration.cniVersion} of network ${configuration.name} has no ${invocation.command}`,
        remedy: `set cniVersion to ${since} or newer`,
      });
    switch (invocation.command) {
      case 'ADD':
        return await this.#add(invocation, configuration);
      case 'DEL':
        return await this.#options.lifecycle.detach(invocation, invocation.namespacePath);
      case 'CHECK':
        return await this.#check(invocation, configuration);
      case 'GC':
        return await this.#collectGarbage(configuration);
      case 'STATUS':
        return await this.#status();
      default: {
        const unreachable: never = invocation.command;
        throw new TypeError(`no such command: ${unreachable}`);
      }
    }
  }

  async #add(
    invocation: Extract<CniInvocation, { command: 'ADD' }>,
    configuration: NetworkConfiguration,
  ): Promise<unknown> {
    const { containerId, interfaceName, namespacePath, arguments: given } = invocation;
    const { cniVersion, name, dns, previousResult } = refuseIpam(configuration);
    const runtime = parseRuntimeConfiguration(configuration.runtimeConfiguration);
    const previous = previousResult === undefined ? EMPTY_RESULT : parseResult(previousResult, cniVersion);
    const parameters = this.#parameters();
    const mac = runtime.mac ?? given.mac;
    const attachment = await this.#options.lifecycle.attach(
      {
        containerId,
        interfaceName,
        namespacePath,
        network: name,
        addresses: runtime.addresses.length > 0 ? runtime.addresses : given.addresses,
        portMappings: runtime.portMappings,
        ...(mac !== undefined && { mac }),
        ...(runtime.bandwidth !== undefined && { bandwidth: runtime.bandwidth }),
        ...(given.pod !== undefined && { pod: given.pod }),
      },
      parameters,
    );
    return renderResult(addToResult(previous, attachment, parameters, dns), cniVersion);
  }

  async #check(
    { containerId, interfaceName, namespacePath }: Extract<CniInvocation, { command: 'CHECK' }>,
    { cniVersion, previousResult }: NetworkConfiguration,
  ): Promise<void> {
    const attachment = this.#options.lifecycle.find({ containerId, interfaceName });
    if (attachment === undefined)
      throw new CniError('unknown container', {
        operation: 'CHECK',
        message: `${interfaceName} of container ${containerId} is not attached`,
        remedy: 'call ADD',
      });
    if (previousResult === undefined)
      throw new CniError('invalid configuration', {
        operation: 'CHECK',
        message: 'prevResult is missing',
        remedy: 'pass the result of ADD as prevResult',
      });
    checkResult(parseResult(previousResult, cniVersion), { ...attachment, namespacePath });
    await this.#options.network.check(attachment);
  }

  async #collectGarbage({ name, validAttachments }: NetworkConfiguration): Promise<void> {
    if (validAttachments === undefined)
      throw new CniError('invalid configuration', {
        operation: 'GC',
        message: 'cni.dev/valid-attachments is missing',
        remedy: 'list the attachments to keep; an empty list frees all',
      });
    const { lifecycle, networkName } = this.#options;
    const { failures } = await lifecycle.collect(name, validAttachments, name === networkName);
    if (failures.length === 0) return;
    throw new AggregateError(failures, `GC: ${failures.length} attachments of network ${name} could not be freed`);
  }

  async #status(): Promise<void> {
    const readiness = this.#options.network.readiness();
    if (readiness.state === 'unready')
      throw unready(
        'STATUS',
        readiness,
        readiness.podsAffected ? 'not available, limited connectivity' : 'not available',
      );
    for (const prefix of readiness.parameters.podPrefixes)
      if ((await this.#options.addresses.available(prefix)) <= 0n)
        throw new CniError('not available', {
          operation: 'STATUS',
          message: `all pod addresses of ${formatPrefix(prefix)} are taken`,
          remedy: 'delete pods of this node, or give nodes larger prefixes',
        });
  }

  #parameters(): PodNetworkParameters {
    const readiness = this.#options.network.readiness();
    if (readiness.state === 'ready') return readiness.parameters;
    throw unready('ADD', readiness, 'try again later');
  }
}

function unready(
  operation: string,
  { why, remedy }: Extract<Readiness, { state: 'unready' }>,
  kind: CniErrorKind,
): CniError {
  return new CniError(kind, { operation, message: why, ...(remedy !== undefined && { remedy }) });
}

/** Whoever asks for an IPAM plugin expects addresses that pods would not get. */
function refuseIpam(configuration: NetworkConfiguration): NetworkConfiguration {
  const { ipam = '' } = configuration;
  if (ipam === '') return configuration;
  throw new CniError('unsupported field', {
    operation: 'ADD',
    message: `ipam.type is ${JSON.stringify(ipam)}, and addresses are our own business`,
    remedy: "remove the ipam section: pods get addresses of the node's own prefixes",
  });
}
