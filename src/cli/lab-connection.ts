import { ControlClient } from '../lab/control-client.ts';
import { labDirectory } from '../lab/lab-directory.ts';

/** Connects to a running lab of this user. @throws FlatnetError `not-found` where it doesn't run */
export function connectToLab(name: string): Promise<ControlClient> {
  return ControlClient.connect(name, labDirectory(name, process.env).controlSocket);
}
