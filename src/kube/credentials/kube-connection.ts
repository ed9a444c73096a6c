import type { TokenSource } from './token-source.ts';

/** How to reach a Kubernetes API server, and as whom. */
export interface KubeConnection {
  /** `http:` or `https:`, a path prefix allowed. */
  readonly server: URL;
  /** PEM; absent for the system's authorities. */
  readonly certificateAuthority?: Buffer;
  /** PEM, for authentication by client certificate. */
  readonly clientCertificate?: Buffer;
  readonly clientKey?: Buffer;
  readonly token?: TokenSource;
  readonly basic?: { readonly username: string; readonly password: string };
  /** The name that the server's certificate must bear, where it differs from the URL's. */
  readonly serverName?: string;
  readonly skipVerification?: boolean;
  /** The namespace of a kubeconfig's context, or of the pod. */
  readonly namespace?: string;
}
