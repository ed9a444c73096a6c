import { isIP } from 'node:net';
import { generate } from 'selfsigned';

/** What TLS needs: PEM texts. */
export interface ServerCredentials {
  /** For the clients; its key is thrown away. */
  readonly caCertificate: string;
  readonly certificate: string;
  readonly key: string;
}

const LIFETIME_DAYS = 3650;
/** Clocks of clients may be behind ours. */
const LEEWAY = 3_600_000;

/**
 * A certificate authority made for this one certificate, and the certificate, for the given names and addresses (P-256).
 * A kubeconfig's token is sent over TLS only: kubectl drops it on plain HTTP.
 */
export async function createServerCredentials(hosts: readonly string[]): Promise<ServerCredentials> {
  const notBeforeDate = new Date(Date.now() - LEEWAY);
  const notAfterDate = new Date(Date.now() + LIFETIME_DAYS * 86_400_000);
  const form = { keyType: 'ec', algorithm: 'sha256', notBeforeDate, notAfterDate } as const;
  const ca = await generate([{ name: 'commonName', value: 'flatnet-ca' }], {
    ...form,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
    ],
  });
  const server = await generate([{ name: 'commonName', value: 'kube-apiserver' }], {
    ...form,
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: hosts.map((host) => (isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host })),
      },
    ],
  });
  return { caCertificate: ca.cert, certificate: server.cert, key: server.private };
}
