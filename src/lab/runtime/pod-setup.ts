import { describeError } from '../../error/flatnet-error.ts';
import type { CniNetwork } from './cni-network.ts';
import { hostnameOf } from './container-files.ts';
import { type HostContext, type PodContext, podDirectory } from './pod-context.ts';
import type { RuntimePod } from './pod-spec.ts';
import { Sandbox } from './sandbox.ts';
import { prepareVolumes } from './volumes.ts';

export interface PodSetupOptions {
  readonly context: HostContext;
  readonly network: CniNetwork;
  readonly report: PodContext['report'];
  /** Called once the pod has its addresses. */
  readonly onConnected: () => void;
  /** Aborts when the pod is to end. */
  readonly signal: AbortSignal;
}

/** Milliseconds between attempts at what a pod can't start without. */
const FIRST_RETRY = 250;
const LAST_RETRY = 10_000;

/** What a pod stands on: its sandbox, its network and its volumes. */
export class PodSetup {
  readonly #options: PodSetupOptions;
  #sandbox: Sandbox | undefined;
  #addresses: readonly string[] = [];

  constructor(options: PodSetupOptions) {
    this.#options = options;
  }

  /** The pod's own, while it has one. */
  get sandbox(): Sandbox | undefined {
    return this.#sandbox;
  }

  /** Of the pod, once it has a network. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** Makes all of it. @returns undefined where the pod ended before */
  async prepare(pod: RuntimePod): Promise<PodContext | undefined> {
    const { context, report, onConnected } = this.#options;
    const addresses = pod.spec.hostNetwork === true ? context.hostAddresses : await this.#connect(pod);
    if (addresses === undefined) return undefined;
    this.#addresses = addresses;
    onConnected();
    const volumes = await this.#mount(pod);
    if (volumes === undefined) return undefined;
    return {
      ...context,
      pod,
      hostname: this.#hostnameOf(pod),
      ...(this.#sandbox !== undefined && { sandbox: this.#sandbox }),
      network: this.#sandbox?.network ?? context.hostNetwork,
      addresses,
      volumes,
      report,
    };
  }

  /** Gives the network back and ends the sandbox; CNI is asked again until it has done its part. */
  async tearDown(pod: RuntimePod): Promise<void> {
    const { context, network, report } = this.#options;
    const sandbox = this.#sandbox;
    this.#sandbox = undefined;
    if (sandbox === undefined) return;
    for (let wait = FIRST_RETRY; !context.host.signal.aborted; wait = Math.min(wait * 2, LAST_RETRY)) {
      try {
        await network.remove(pod, sandbox);
        break;
      } catch (error) {
        if (context.host.signal.aborted) break;
        report({ type: 'Warning', reason: 'FailedKillPod', message: `error killing pod: ${describeError(error)}` });
        await context.clock.sleep(wait, context.host.signal).catch(() => undefined);
      }
    }
    sandbox.close();
  }

  /** @returns the addresses that CNI gives it */
  async #connect(pod: RuntimePod): Promise<readonly string[] | undefined> {
    const { context, network, signal } = this.#options;
    const { host } = context;
    const { sysctls = [] } = pod.spec.securityContext ?? {};
    await network.whenReady(AbortSignal.any([signal, host.signal]));
    return await this.#retry('FailedCreatePodSandBox', 'Failed to create pod sandbox', async () => {
      this.#sandbox ??= Sandbox.create({ host, hostname: this.#hostnameOf(pod), sysctls });
      try {
        return await network.add(pod, this.#sandbox);
      } catch (error) {
        await this.tearDown(pod);
        throw error;
      }
    });
  }

  async #mount(pod: RuntimePod): Promise<PodContext['volumes'] | undefined> {
    const { hostAddresses, objects, host, apiAccess } = this.#options.context;
    const directory = podDirectory(pod, 'volumes');
    const context = { pod, addresses: this.#addresses, hostAddresses, objects, host, directory };
    return await this.#retry('FailedMount', 'MountVolume.SetUp failed', () =>
      prepareVolumes({ ...context, ...(apiAccess !== undefined && { apiAccess }) }),
    );
  }

  #hostnameOf(pod: RuntimePod): string {
    return pod.spec.hostNetwork === true ? this.#options.context.host.name : hostnameOf(pod);
  }

  /** Does a step again and again until it succeeds or the pod ends; tells of each new failure. */
  async #retry<Result>(reason: string, what: string, step: () => Promise<Result>): Promise<Result | undefined> {
    const { context, report } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, context.host.signal]);
    let wait = FIRST_RETRY;
    let told = '';
    while (!signal.aborted) {
      try {
        return await step();
      } catch (error) {
        if (signal.aborted) return undefined;
        const message = describeError(error);
        if (message !== told) report({ type: 'Warning', reason, message: `${what}: ${message}` });
        told = message;
        await context.clock.sleep(wait, signal).catch(() => undefined);
        wait = Math.min(wait * 2, LAST_RETRY);
      }
    }
    return undefined;
  }
}
